//! The vectors of spec p2p.md §3.7, and bytes of hostile peers.

use proptest::prelude::*;

use super::pex::{Addresses, PexError, PexMessage};
use super::*;
use crate::key::NodeId;
use crate::secret::Dialect::{self, Amino, Proto};

const ID: &str = "b62e867fa2f33afe62d5d6b1642e1621d5433078";
const INFO: &str = "660a040808100b1228623632653836376661326633336166653632643564366231363432653136323164353433333037381a137463703a2f2f302e302e302e303a32363635362206746573742d312a06302e33382e303201003a0570726f626542050a036f6666";
const ADDRS: &str = "123d0a3b0a28623632653836376661326633336166653632643564366231363432653136323164353433333037381\
                     20b3230332e302e3131332e3718a0d001";

fn info() -> NodeInfo {
    NodeInfo {
        versions: Versions { p2p: 8, block: 11, app: 0 },
        id: NodeId::from_hex(ID).expect("40 digits"),
        listen_addr: "tcp://0.0.0.0:26656".into(),
        network: "test-1".into(),
        version: "0.38.0".into(),
        channels: vec![0],
        moniker: "probe".into(),
        tx_index: "off".into(),
        rpc_address: String::new(),
    }
}

fn address() -> NetAddress {
    NetAddress::new(ID, "203.0.113.7", 26656).expect("an address")
}

#[test]
fn node_info_as_in_the_spec() {
    assert_eq!(hex::encode(info().to_frame()), INFO);
    assert_eq!(NodeInfo::decode(&hex::decode(INFO).expect("hex")[1..]), Ok(info()));
}

#[test]
fn pex_as_in_the_spec() {
    assert_eq!(hex::encode(pex::request(Proto)), "081a0610011a020a00");
    assert_eq!(hex::encode(pex::answer(Proto, &[address()])), ADDRS);
    let answer = PexMessage::Addresses(Addresses { valid: vec![address()], invalid: 0 });
    assert_eq!(pex::decode(Proto, &hex::decode(ADDRS).expect("hex")), Ok(answer));
    assert_eq!(
        pex::decode(Proto, &[0x12, 0]),
        Ok(PexMessage::Addresses(Addresses::default())),
        "an empty book"
    );
    assert_eq!(pex::decode(Proto, &[]), Err(PexError::Malformed));
}

#[test]
fn entries_that_are_no_addresses_are_counted() {
    // {id: "x", ip: "203.0.113.7", port: 1}, {} and a good one.
    let mut data = hex::decode("1253").expect("hex");
    data.extend(hex::decode("0a120a0178120b3230332e302e3131332e371801").expect("hex"));
    data.extend(hex::decode("0a00").expect("hex"));
    data.extend(&hex::decode(ADDRS).expect("hex")[2..]);
    data[1] = u8::try_from(data.len() - 2).expect("short");
    assert_eq!(
        pex::decode(Proto, &data),
        Ok(PexMessage::Addresses(Addresses { valid: vec![address()], invalid: 2 }))
    );
}

#[test]
fn more_addresses_than_a_node_gives_are_refused() {
    let many = vec![address(); 251];
    assert_eq!(pex::decode(Proto, &pex::answer(Proto, &many)), Err(PexError::TooMany(251)));
    assert!(pex::decode(Proto, &pex::answer(Proto, &many[1..])).is_ok());
}

#[test]
fn amino_as_in_the_spec() {
    // Prefixes of spec p2p.md §3.6; the whole request: length, PacketMsg, EOF 1, four bytes PexRequest.
    assert_eq!(hex::encode(pex::request(Amino)), "0cb05b4f2c10011a04723a31cd");
    assert_eq!(hex::encode(ping(Amino)), "0415c3d289");
    assert_eq!(hex::encode(pong(Amino)), "048a797fe2");
    let v6 = NetAddress::new(ID, "2001:db8::1", 1).expect("v6");
    let answer = PexMessage::Addresses(Addresses { valid: vec![address(), v6], invalid: 0 });
    assert_eq!(pex::decode(Amino, &pex::answer(Amino, &[address(), v6])), Ok(answer));
    // An ip of three bytes.
    assert_eq!(
        pex::decode(Amino, &hex::decode("1cbb676b0a051203010203").expect("hex")),
        Ok(PexMessage::Addresses(Addresses { valid: vec![], invalid: 1 }))
    );
    let mut packets = Packets::new(Amino, &[(0, 100)]);
    for bytes in [ping(Amino), pong(Amino), message(Amino, 0, &[7])] {
        packets.push(&bytes);
    }
    let message = Event::Message { channel: 0, data: vec![7] };
    assert_eq!(all(&mut packets), Ok(vec![Event::Ping, Event::Pong, message]));
}

fn both() -> impl Strategy<Value = Dialect> {
    prop_oneof![Just(Proto), Just(Amino)]
}

fn all(packets: &mut Packets) -> Result<Vec<Event>, PacketError> {
    let mut events = vec![];
    while let Some(event) = packets.next()? {
        events.push(event);
    }
    Ok(events)
}

#[test]
fn messages_come_in_pieces_between_pings() {
    let mut packets = Packets::new(Proto, &[(0, 100), (0x20, 100)]);
    packets.push(&ping(Proto));
    packets.push(&[5, 0x1a, 3, 0x1a, 1, 7]); // channel 0, not the end
    packets.push(&[9, 0x1a, 7, 0x08, 0x20, 0x10, 1, 0x1a, 1, 9]); // channel 0x20, whole
    packets.push(&pong(Proto));
    packets.push(&[7, 0x1a, 5, 0x10, 1, 0x1a, 1, 8]); // channel 0, the end
    let message = |channel, data: &[u8]| Event::Message { channel, data: data.to_vec() };
    assert_eq!(
        all(&mut packets),
        Ok(vec![Event::Ping, message(0x20, &[9]), Event::Pong, message(0, &[7, 8])])
    );
}

#[test]
fn a_message_without_end_is_cut_off() {
    let mut packets = Packets::new(Proto, &[(0, 1000)]);
    let mut result = Ok(vec![]);
    for _ in 0..1000 {
        packets.push(&[7, 0x1a, 5, 0x1a, 3, 1, 2, 3]);
        result = all(&mut packets);
        if result.is_err() {
            break;
        }
    }
    assert_eq!(result, Err(PacketError::TooLong { channel: 0, max: 1000 }));
}

#[test]
fn channels_that_were_not_offered_and_packets_of_nothing_end_the_link() {
    let mut packets = Packets::new(Proto, &[(0, 1000)]);
    packets.push(&message(Proto, 0x20, b"x"));
    assert_eq!(all(&mut packets), Err(PacketError::Channel(0x20)));
    let mut packets = Packets::new(Proto, &[(0, 1000)]);
    packets.push(&[0]);
    assert_eq!(all(&mut packets), Err(PacketError::Malformed));
}

#[test]
fn a_node_info_that_no_node_would_take_is_refused() {
    assert_eq!(NodeInfo::decode(&vec![0; 10_241]), Err(NodeInfoError::TooLarge(10_241)));
    let mut many = info();
    many.channels = (0..17).collect();
    assert_eq!(NodeInfo::decode(&many.to_frame()[1..]), Err(NodeInfoError::Channels(17)));
    assert_eq!(NodeInfo::decode(&[]), Err(NodeInfoError::Id));
}

#[test]
fn addresses_are_numbers() {
    assert_eq!(address().to_string(), format!("{ID}@203.0.113.7:26656"));
    let mapped = NetAddress::new(ID, "::ffff:203.0.113.7", 26656).expect("an address");
    assert_eq!(mapped, address(), "one address has one form");
    assert_eq!(
        NetAddress::new(ID, "2001:db8::1", 1).expect("v6").to_string(),
        format!("{ID}@[2001:db8::1]:1")
    );
    assert_eq!(NetAddress::new("b6", "203.0.113.7", 1), Err(AddressError::Id));
    assert_eq!(NetAddress::new(ID, "example.com", 1), Err(AddressError::Ip));
    assert_eq!(NetAddress::new(ID, "203.0.113.7", 65536), Err(AddressError::Port(65536)));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = NodeInfo::decode(&bytes);
        let _ = pex::decode(Proto, &bytes);
        let _ = pex::decode(Amino, &[&[0x1c, 0xbb, 0x67, 0x6b], &bytes[..]].concat());
    }

    #[test]
    fn damaged_node_infos_never_panic(at in 0usize..102, to in any::<u8>()) {
        let mut bytes = hex::decode(INFO).expect("hex")[1..].to_vec();
        bytes[at] = to;
        let _ = NodeInfo::decode(&bytes);
    }

    #[test]
    fn hostile_streams_neither_panic_nor_pile_up(dialect in both(), pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..64)) {
        let mut packets = Packets::new(dialect, &[(0, 128)]);
        for piece in pieces {
            packets.push(&piece);
            if all(&mut packets).is_err() { break }
            prop_assert!(packets.held() <= 128 + 64 * 64);
        }
    }

    #[test]
    fn answers_survive(dialect in both(), entries in prop::collection::vec((any::<[u8; 20]>(), any::<[u8; 4]>(), any::<u16>()), 0..=250)) {
        let sent: Vec<NetAddress> =
            entries.into_iter().map(|(id, ip, port)| NetAddress { id: NodeId(id), ip: ip.into(), port }).collect();
        let expected = PexMessage::Addresses(Addresses { valid: sent.clone(), invalid: 0 });
        prop_assert_eq!(pex::decode(dialect, &pex::answer(dialect, &sent)), Ok(expected));
    }
}
