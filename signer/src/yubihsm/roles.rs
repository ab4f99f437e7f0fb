//! Who may do what on a device that `yubihsm setup` made: four roles with the least that each needs, and what is audited.
//!
//! Nobody but the admin makes authentication keys; nobody but the signer of a chain signs, and only in the chain's domain. The
//! admin cannot sign himself, but he can make a key that can: he is the root, and his password belongs into a safe.

use crate::yubihsm::{capability::Capabilities, command, object::Domains};

/// Id of the admin's authentication key.
pub const ADMIN: u16 = 2;
/// Id of the operator's.
pub const OPERATOR: u16 = 3;
/// Id of the auditor's.
pub const AUDITOR: u16 = 4;
/// Id of the wrap key for backups.
pub const WRAP_KEY: u16 = 1;
/// The signer of the chain in domain `n` has the authentication key `SIGNERS + n`, and its consensus key has the id `n`.
pub const SIGNERS: u16 = 100;
/// The key that every device leaves the factory with.
pub const FACTORY: u16 = 1;

/// An authentication key that setup makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its id on the device.
    pub id: u16,
    /// Its label, and the name of its password's file.
    pub name: String,
    /// Where it acts.
    pub domains: Domains,
    /// What it may do.
    pub capabilities: Capabilities,
    /// What it may give to objects that it makes.
    pub delegated: Capabilities,
}

const SIGN: [&str; 2] = ["sign-eddsa", "sign-ecdsa"];
const FOR_KEYS: [&str; 3] = ["sign-eddsa", "sign-ecdsa", "exportable-under-wrap"];
const OPERATE: [&str; 5] =
    ["generate-asymmetric-key", "put-asymmetric-key", "export-wrapped", "import-wrapped", "get-option"];
const ADMINISTER: [&str; 12] = [
    "put-authentication-key",
    "delete-authentication-key",
    "change-authentication-key",
    "put-wrap-key",
    "delete-wrap-key",
    "delete-asymmetric-key",
    "delete-opaque",
    "set-option",
    "get-option",
    "get-log-entries",
    "get-pseudo-random",
    "reset-device",
];

/// Reading, and the envelope. `session-message` under forced audit would lock everybody out of a full log, for good; closing a
/// session has to be possible then as well, and the other ones change nothing and sign nothing.
const NEVER_AUDITED: [u8; 15] = [
    command::ECHO,
    command::SESSION_MESSAGE,
    command::DEVICE_INFO,
    0x07,
    0x09,
    0x0a,
    command::CLOSE_SESSION,
    command::GET_STORAGE_INFO,
    command::LIST_OBJECTS,
    command::GET_LOG_ENTRIES,
    command::GET_OBJECT_INFO,
    command::GET_OPTION,
    command::GET_PSEUDO_RANDOM,
    command::GET_PUBLIC_KEY,
    command::BLINK_DEVICE,
];

/// The roles of a device that serves these chains, each with its domain.
pub fn roles(chains: &[(String, u8)]) -> Vec<Role> {
    let role = |id, name: &str, domains, capabilities: &[&str], delegated: &[&str]| Role {
        id,
        name: name.to_owned(),
        domains,
        capabilities: named(capabilities),
        delegated: named(delegated),
    };
    let all_of_them = [&ADMINISTER[..], &OPERATE, &FOR_KEYS].concat();
    let mut roles = vec![
        role(ADMIN, "admin", Domains::ALL, &ADMINISTER, &all_of_them),
        role(OPERATOR, "operator", Domains::ALL, &OPERATE, &FOR_KEYS),
        role(AUDITOR, "auditor", Domains::ALL, &["get-log-entries", "get-option"], &[]),
    ];
    roles.extend(chains.iter().map(|(chain, domain)| {
        let domains = Domains(1 << (domain - 1));
        let may = [&SIGN[..], &["get-log-entries"]].concat();
        role(SIGNERS + u16::from(*domain), &format!("signer-{chain}"), domains, &may, &[])
    }));
    roles
}

/// What the wrap key may do, and what it may carry.
pub fn wrap_key() -> (Capabilities, Capabilities) {
    (named(&["export-wrapped", "import-wrapped"]), named(&FOR_KEYS))
}

/// What a consensus key may do.
pub fn consensus_key(sign: Capabilities, exportable: bool) -> Capabilities {
    if exportable { sign | Capabilities::EXPORTABLE_UNDER_WRAP } else { sign }
}

/// The value of the option `command-audit`, made of its present value: everything on that changes or signs.
pub fn audited(present: &[u8]) -> Vec<u8> {
    let pairs = present.chunks_exact(2).filter(|pair| pair[1] == 0 && !NEVER_AUDITED.contains(&pair[0]));
    pairs.flat_map(|pair| [pair[0], 1]).collect()
}

/// Whether this setting would lock everybody out of a device whose log is full and forced.
pub fn locks_out(present: &[u8]) -> bool {
    present.chunks_exact(2).any(|pair| pair[0] == command::SESSION_MESSAGE && pair[1] != 0)
}

fn named(names: &[&str]) -> Capabilities {
    Capabilities::of(names).expect("every name here is in the table of names")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_the_least_it_needs() {
        let roles = roles(&[("a-1".into(), 1), ("b-1".into(), 16)]);
        assert_eq!(roles.iter().map(|role| role.id).collect::<Vec<_>>(), [2, 3, 4, 101, 116]);
        let signing = named(&SIGN);
        for role in &roles {
            let signer = role.name.starts_with("signer-");
            assert_eq!(role.capabilities.has(named(&["sign-eddsa"])), signer, "{}", role.name);
            assert_eq!(role.capabilities.has(named(&["put-authentication-key"])), role.id == ADMIN);
            assert_eq!(role.domains.numbers().count(), if signer { 1 } else { 16 });
            if signer {
                assert_eq!(role.capabilities, signing | Capabilities::GET_LOG_ENTRIES);
                assert_eq!(role.delegated, Capabilities::NONE);
            }
        }
        assert_eq!(roles[4].domains, Domains(0x8000));
    }

    #[test]
    fn the_admin_can_make_every_other_role_and_no_more() {
        let roles = roles(&[("a-1".into(), 1)]);
        let (wrap, carries) = wrap_key();
        for needed in roles.iter().flat_map(|role| [role.capabilities, role.delegated]).chain([wrap, carries])
        {
            assert!(
                roles[0].delegated.has(needed) || roles[0].delegated.has(needed.without(roles[0].delegated))
            );
            assert_eq!(needed.without(roles[0].delegated), Capabilities::NONE);
        }
    }

    #[test]
    fn what_changes_or_signs_is_audited_and_the_envelope_never() {
        let present = [0x01, 0, 0x05, 0, 0x6a, 0, 0x4f, 1, 0x44, 2, 0x56, 0];
        assert_eq!(audited(&present), [0x6a, 1, 0x56, 1]);
        assert!(!locks_out(&present) && locks_out(&[0x05, 1]));
    }
}
