//! Looking at objects, deleting them, and the small commands about the device itself.

use super::Call;
use crate::Capabilities;
use crate::device::{Device, OBJECTS};
use crate::object::{Kind, LABEL, Object, Payload};
use crate::wire::Refusal;
use rand_core::{OsRng, RngCore};

/// One condition of LIST OBJECTS; all have to hold.
enum Filter {
    Id(u16),
    Kind(u8),
    Domains(u16),
    Capabilities(Capabilities),
    Algorithm(u8),
    Label([u8; LABEL]),
}

impl Filter {
    fn lets_pass(&self, object: &Object) -> bool {
        match self {
            Self::Id(id) => object.id == *id,
            Self::Kind(kind) => object.kind as u8 == *kind,
            Self::Domains(domains) => object.domains & domains != 0,
            Self::Capabilities(any) => object.capabilities.share(*any),
            Self::Algorithm(algorithm) => object.algorithm == *algorithm,
            Self::Label(label) => object.label == *label,
        }
    }
}

impl Device {
    pub(super) fn list_objects(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let mut filters = Vec::new();
        while call.fields.end().is_err() {
            filters.push(match call.fields.u8()? {
                1 => Filter::Id(call.fields.u16()?),
                2 => Filter::Kind(call.fields.u8()?),
                3 => Filter::Domains(call.fields.u16()?),
                4 => Filter::Capabilities(Capabilities(call.fields.u64()?)),
                5 => Filter::Algorithm(call.fields.u8()?),
                6 => Filter::Label(call.fields.array()?),
                _ => return Err(Refusal::InvalidData),
            });
        }
        let listed = self
            .objects
            .values()
            .filter(|object| object.domains & call.who.domains != 0)
            .filter(|object| filters.iter().all(|filter| filter.lets_pass(object)));
        Ok(listed
            .flat_map(|object| {
                let [high, low] = object.id.to_be_bytes();
                [high, low, object.kind as u8, object.sequence]
            })
            .collect())
    }

    pub(super) fn object_info(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let (id, kind) = id_and_kind(call)?;
        Ok(self.visible(call.who, kind, id)?.info())
    }

    pub(super) fn delete_object(&mut self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let (id, kind) = id_and_kind(call)?;
        call.needs(kind.deletion())?;
        self.visible(call.who, kind, id)?;
        self.objects.remove(&(kind, id));
        Ok(Vec::new())
    }

    pub(super) fn get_opaque(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let id = call.id()?;
        call.fields.end()?;
        call.needs(Capabilities::GET_OPAQUE)?;
        match &self.visible(call.who, Kind::Opaque, id)?.payload {
            Payload::Opaque(data) => Ok(data.clone()),
            _ => Err(Refusal::InvalidData),
        }
    }

    pub(super) fn pseudo_random(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let length = usize::from(call.fields.u16()?);
        call.fields.end()?;
        call.needs(Capabilities::GET_PSEUDO_RANDOM)?;
        // Two frames, a session id, padding and a MAC have to fit around it.
        if length + 3 + 3 + 1 + 16 + 8 > self.config.buffer() {
            return Err(Refusal::WrongLength);
        }
        let mut bytes = vec![0; length];
        OsRng.fill_bytes(&mut bytes);
        Ok(bytes)
    }

    /// Records and pages: total and free of each, and the size of a page. A page is 126 bytes, an object takes whole ones.
    pub(super) fn storage_info(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        call.fields.end()?;
        let pages: usize = self.objects.values().map(|object| object.to_wrapped(0).len().div_ceil(126)).sum();
        let numbers = [OBJECTS, OBJECTS - self.objects.len(), 1024, 1024_usize.saturating_sub(pages), 126];
        Ok(numbers.into_iter().flat_map(|n| u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes()).collect())
    }
}

fn id_and_kind(call: &mut Call<'_>) -> Result<(u16, Kind), Refusal> {
    let id = call.id()?;
    let kind = Kind::from_u8(call.fields.u8()?).ok_or(Refusal::InvalidData)?;
    call.fields.end()?;
    Ok((id, kind))
}
