//! Making objects: PUT, GENERATE and IMPORT, and the rule that nobody gives what he was not given to give.

use super::{Call, allow};
use crate::Capabilities;
use crate::device::{Device, OBJECTS, random};
use crate::object::{self, Kind, Object, Payload};
use crate::session::{Identity, LongKeys};
use crate::wire::Refusal;

impl Device {
    pub(super) fn put(
        &mut self,
        call: &mut Call<'_>,
        kind: Kind,
        needed: Capabilities,
    ) -> Result<Vec<u8>, Refusal> {
        let mut made = parse(call, kind)?;
        call.needs(needed)?;
        made.payload = Payload::put(kind, made.algorithm, call.fields.rest())?;
        made.origin = object::IMPORTED;
        self.store(call, made)
    }

    pub(super) fn generate(
        &mut self,
        call: &mut Call<'_>,
        kind: Kind,
        needed: Capabilities,
    ) -> Result<Vec<u8>, Refusal> {
        let mut made = parse(call, kind)?;
        call.fields.end()?;
        call.needs(needed)?;
        made.payload = Payload::generate(kind, made.algorithm)?;
        made.origin = object::GENERATED;
        self.store(call, made)
    }

    fn store(&mut self, call: &mut Call<'_>, made: Object) -> Result<Vec<u8>, Refusal> {
        may_give(call.who, &made)?;
        let id = self.insert(made)?;
        call.target = id;
        Ok(id.to_be_bytes().to_vec())
    }

    /// Puts an object into a free place; id 0 lets the device choose.
    pub(super) fn insert(&mut self, mut object: Object) -> Result<u16, Refusal> {
        if object.id == 0xffff || object.domains == 0 {
            return Err(if object.domains == 0 { Refusal::InvalidData } else { Refusal::InvalidId });
        }
        if self.objects.len() >= OBJECTS {
            return Err(Refusal::StorageFailed);
        }
        while object.id == 0 || object.id == 0xffff {
            let id = u16::from_be_bytes(random());
            object.id = if self.objects.contains_key(&(object.kind, id)) { 0 } else { id };
        }
        let place = (object.kind, object.id);
        if self.objects.contains_key(&place) {
            return Err(Refusal::ObjectExists);
        }
        object.sequence = self.sequences.get(&place).map_or(0, |last| last.wrapping_add(1));
        self.sequences.insert(place, object.sequence);
        self.objects.insert(place, object);
        Ok(place.1)
    }

    pub(super) fn change_authentication_key(&mut self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let id = call.id()?;
        let algorithm = call.fields.u8()?;
        let keys = call.fields.array()?;
        call.fields.end()?;
        call.needs(Capabilities::CHANGE_AUTHENTICATION_KEY)?;
        if id != call.who.key {
            return Err(Refusal::InvalidId);
        }
        let object = self.objects.get_mut(&(Kind::AuthenticationKey, id)).ok_or(Refusal::ObjectNotFound)?;
        if algorithm != object.algorithm {
            return Err(Refusal::InvalidData);
        }
        object.payload = Payload::Authentication(LongKeys::from_bytes(&keys));
        Ok(id.to_be_bytes().to_vec())
    }
}

/// `id | label | domains | capabilities | algorithm`, and the delegated capabilities where the type has them.
fn parse(call: &mut Call<'_>, kind: Kind) -> Result<Object, Refusal> {
    let id = call.id()?;
    let label = call.fields.array()?;
    let domains = call.fields.u16()?;
    let capabilities = known(call.fields.u64()?);
    let algorithm = call.fields.u8()?;
    let delegated = match kind {
        Kind::AuthenticationKey | Kind::WrapKey => known(call.fields.u64()?),
        _ => Capabilities::NONE,
    };
    let payload = Payload::Opaque(Vec::new());
    Ok(Object {
        id,
        kind,
        algorithm,
        label,
        domains,
        capabilities,
        delegated,
        origin: 0,
        sequence: 0,
        payload,
    })
}

/// Bits without a meaning are dropped: the yubihsm crate, and tmkms with it, sets all 64.
fn known(bits: u64) -> Capabilities {
    Capabilities(bits & Capabilities::ALL.0)
}

fn may_give(who: &Identity, made: &Object) -> Result<(), Refusal> {
    allow(who.delegated.contain(made.capabilities) && who.delegated.contain(made.delegated))?;
    allow(made.domains & !who.domains == 0)
}
