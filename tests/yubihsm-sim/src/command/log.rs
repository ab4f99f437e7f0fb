//! The log and the options.

use super::Call;
use crate::Capabilities;
use crate::device::Device;
use crate::wire::Refusal;

const FORCE_AUDIT: u8 = 1;
const COMMAND_AUDIT: u8 = 3;

impl Device {
    pub(super) fn get_log_entries(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        call.fields.end()?;
        call.needs(Capabilities::GET_LOG_ENTRIES)?;
        let mut answer = self.log.unlogged_boots.to_be_bytes().to_vec();
        answer.extend(self.log.unlogged_auths.to_be_bytes());
        answer.push(u8::try_from(self.log.entries().len()).expect("at most 62"));
        answer.extend(self.log.entries().flat_map(crate::audit::Entry::to_bytes));
        Ok(answer)
    }

    pub(super) fn set_log_index(&mut self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let number = call.fields.u16()?;
        call.fields.end()?;
        call.needs(Capabilities::GET_LOG_ENTRIES)?;
        if self.log.consume(number) { Ok(Vec::new()) } else { Err(Refusal::InvalidData) }
    }

    pub(super) fn get_option(&self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let option = call.fields.u8()?;
        call.fields.end()?;
        call.needs(Capabilities::GET_OPTION)?;
        match option {
            FORCE_AUDIT => Ok(vec![self.log.force()]),
            COMMAND_AUDIT => {
                Ok(self.log.commands().iter().flat_map(|(code, value)| [*code, *value]).collect())
            }
            _ => Err(Refusal::InvalidData),
        }
    }

    pub(super) fn set_option(&mut self, call: &mut Call<'_>) -> Result<Vec<u8>, Refusal> {
        let option = call.fields.u8()?;
        let length = usize::from(call.fields.u16()?);
        let value = call.fields.rest();
        if value.len() != length {
            return Err(Refusal::WrongLength);
        }
        call.needs(Capabilities::SET_OPTION)?;
        match (option, value) {
            (FORCE_AUDIT, [value]) if self.log.set_force(*value) => Ok(Vec::new()),
            (COMMAND_AUDIT, pairs) if pairs.len().is_multiple_of(2) => {
                // All or nothing.
                let mut log = self.log.clone();
                if pairs.chunks_exact(2).all(|pair| log.set_command(pair[0], pair[1])) {
                    self.log = log;
                    Ok(Vec::new())
                } else {
                    Err(Refusal::InvalidData)
                }
            }
            _ => Err(Refusal::InvalidData),
        }
    }
}
