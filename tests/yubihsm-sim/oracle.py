"""The vendor's own client (python-yubihsm) against the simulator: whether it behaves as a YubiHSM 2.

    oracle.py URL SECOND_URL

Each URL is a connector with a factory-fresh device. Prints one line for each rule that held; the first one that does not
ends the program. The device's rules are those that python-yubihsm's documentation and device tests state.
"""

import os
import sys
from dataclasses import replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from yubihsm import YubiHsm
from yubihsm.defs import ALGORITHM, AUDIT, CAPABILITY as C, COMMAND, ERROR, OBJECT, ORIGIN
from yubihsm.exceptions import (
    YubiHsmAuthenticationError,
    YubiHsmDeviceError,
    YubiHsmInvalidResponseError,
)
from yubihsm.objects import AsymmetricKey, AuthenticationKey, HmacKey, Opaque, WrapKey


def refused(code, call, *arguments):
    """The device must refuse with this code."""
    try:
        call(*arguments)
    except YubiHsmDeviceError as error:
        assert error.code == code, f"{error.code!r} instead of {code!r}"
        return
    raise AssertionError(f"not refused: {call}")


def device(hsm, other, session):
    info = hsm.get_device_info()
    assert info.version == (2, 4, 0) and info.log_size == 62 and info.serial != other.get_device_info().serial
    for size in (0, 1, 15, 16, 17, 255, 1024, 2021):
        data = os.urandom(size)
        assert hsm.send_cmd(COMMAND.ECHO, data) == data
        assert session.send_secure_cmd(COMMAND.ECHO, data) == data
    assert len(session.get_pseudo_random(100)) == 100
    assert session.get_pseudo_random(16) != session.get_pseudo_random(16)
    session.send_secure_cmd(COMMAND.BLINK_DEVICE, b"\x05")
    refused(ERROR.INVALID_COMMAND, hsm.send_cmd, COMMAND.LIST_OBJECTS)
    refused(ERROR.INVALID_COMMAND, session.send_secure_cmd, COMMAND.SIGN_ATTESTATION_CERTIFICATE, b"\0\1\0\0")


def sessions(hsm, other, session):
    open_now = [hsm.create_session_derived(1, "password") for _ in range(15)]
    assert len({s.sid for s in open_now} | {session.sid}) == 16
    refused(ERROR.SESSIONS_FULL, hsm.create_session_derived, 1, "password")
    for one in open_now:
        assert one.send_secure_cmd(COMMAND.ECHO, b"x") == b"x"
        one.close()
    try:
        hsm.create_session_derived(1, "wrong")
        raise AssertionError("a wrong password opened a session")
    except YubiHsmAuthenticationError:
        pass
    refused(ERROR.OBJECT_NOT_FOUND, hsm.create_session_derived, 77, "password")
    # A message that was changed on the way closes the channel.
    victim = hsm.create_session_derived(1, "password")
    victim._mac_chain = os.urandom(16)
    refused(ERROR.AUTHENTICATION_FAILED, victim.send_secure_cmd, COMMAND.ECHO, b"x")
    refused(ERROR.INVALID_SESSION, victim.send_secure_cmd, COMMAND.ECHO, b"x")


def authentication_keys(hsm, other, session):
    caps = C.CHANGE_AUTHENTICATION_KEY | C.GENERATE_ASYMMETRIC_KEY
    key = AuthenticationKey.put_derived(session, 0, "ünïcode", 0b10, caps, C.SIGN_EDDSA, "first")
    info = key.get_info()
    assert info.label == "ünïcode" and info.domains == 0b10 and info.capabilities == caps
    assert info.delegated_capabilities == C.SIGN_EDDSA and info.origin == ORIGIN.IMPORTED and info.size == 40
    refused(ERROR.INVALID_ID, key.change_password, "second")
    with hsm.create_session_derived(key.id, "first") as own:
        refused(ERROR.INSUFFICIENT_PERMISSIONS, own.get_pseudo_random, 8)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, own.get_log_entries)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, own.reset_device)
        ed = ALGORITHM.EC_ED25519
        # Nobody gives what he was not given to give, nor where he is not.
        refused(ERROR.INSUFFICIENT_PERMISSIONS, AsymmetricKey.generate, own, 0, "", 2, C.SIGN_ECDSA, ed)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, AsymmetricKey.generate, own, 0, "", 3, C.SIGN_EDDSA, ed)
        made = AsymmetricKey.generate(own, 0, "", 2, C.SIGN_EDDSA, ed)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, made.sign_eddsa, b"x")
        refused(ERROR.INSUFFICIENT_PERMISSIONS, made.delete)
        key.with_session(own).change_password("second")
    made.with_session(session).delete()
    try:
        hsm.create_session_derived(key.id, "first")
        raise AssertionError("the old password still opens a session")
    except YubiHsmAuthenticationError:
        pass
    hsm.create_session_derived(key.id, "second").close()
    key.delete()
    refused(ERROR.OBJECT_NOT_FOUND, hsm.create_session_derived, key.id, "second")


def domains(hsm, other, session):
    one = AsymmetricKey.generate(session, 0, "one", 0b01, C.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    two = AsymmetricKey.generate(session, 0, "two", 0b10, C.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    who = AuthenticationKey.put_derived(session, 0, "one", 0b01, C.SIGN_EDDSA, C.NONE, "pw")
    with hsm.create_session_derived(who.id, "pw") as own:
        one.with_session(own).sign_eddsa(b"x")
        for call in (two.with_session(own).get_info, two.with_session(own).get_public_key):
            refused(ERROR.OBJECT_NOT_FOUND, call)
        refused(ERROR.OBJECT_NOT_FOUND, two.with_session(own).sign_eddsa, b"x")
        assert [o.id for o in own.list_objects(object_type=OBJECT.ASYMMETRIC_KEY)] == [one.id]
    for o in (one, two, who):
        o.delete()


def ed25519_keys(hsm, other, session):
    ours = ed25519.Ed25519PrivateKey.generate()
    for key in (
        AsymmetricKey.put(session, 0, "put", 1, C.SIGN_EDDSA, ours),
        AsymmetricKey.generate(session, 0, "gen", 1, C.SIGN_EDDSA, ALGORITHM.EC_ED25519),
    ):
        for size in (0, 1, 32, 118, 2000):
            data = os.urandom(size)
            key.get_public_key().verify(key.sign_eddsa(data), data)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, key.sign_ecdsa, b"x")
        if key.get_info().origin == ORIGIN.IMPORTED:
            # Ed25519 is deterministic: equal keys make equal signatures.
            assert key.sign_eddsa(b"x") == ours.sign(b"x")
        key.delete()


def secp256k1_keys(hsm, other, session):
    ours = ec.generate_private_key(ec.SECP256K1())
    for key in (
        AsymmetricKey.put(session, 0, "put", 1, C.SIGN_ECDSA, ours),
        AsymmetricKey.generate(session, 0, "gen", 1, C.SIGN_ECDSA, ALGORITHM.EC_K256),
    ):
        for i in range(8):
            data = os.urandom(40)
            key.get_public_key().verify(key.sign_ecdsa(data), data, ec.ECDSA(hashes.SHA256()))
        digest = os.urandom(32)
        prehashed = Prehashed(hashes.SHA256())
        key.get_public_key().verify(key.sign_ecdsa(digest, hash=prehashed, length=32), digest, ec.ECDSA(prehashed))
        refused(ERROR.INSUFFICIENT_PERMISSIONS, key.sign_eddsa, b"x")
        key.delete()


def hmac_keys(hsm, other, session):
    both = C.SIGN_HMAC | C.VERIFY_HMAC
    rfc4231 = HmacKey.put(session, 0, "", 1, both, b"Jefe", ALGORITHM.HMAC_SHA256)
    tag = rfc4231.sign_hmac(b"what do ya want for nothing?")
    assert tag.hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert rfc4231.verify_hmac(tag, b"what do ya want for nothing?") and not rfc4231.verify_hmac(tag, b"other")
    rfc4231.delete()
    for algorithm, size in ((ALGORITHM.HMAC_SHA1, 20), (ALGORITHM.HMAC_SHA384, 48), (ALGORITHM.HMAC_SHA512, 64)):
        key = HmacKey.generate(session, 0, "", 1, both, algorithm)
        assert len(key.sign_hmac(b"x")) == size
        key.delete()
    only = HmacKey.generate(session, 0, "", 1, C.VERIFY_HMAC, ALGORITHM.HMAC_SHA256)
    refused(ERROR.INSUFFICIENT_PERMISSIONS, only.sign_hmac, b"x")
    only.delete()


def opaques(hsm, other, session):
    for size in (1, 256, 1968):
        data = os.urandom(size)
        opaque = Opaque.put(session, 0, "", 1, C.NONE, ALGORITHM.OPAQUE_DATA, data)
        assert opaque.get() == data and opaque.get_info().size == size
        opaque.delete()
    refused(ERROR.OBJECT_NOT_FOUND, opaque.get)


def listing(hsm, other, session):
    first = AsymmetricKey.generate(session, 0x1234, "a", 0b101, C.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    second = AsymmetricKey.generate(session, 0x1235, "b", 0b010, C.SIGN_ECDSA, ALGORITHM.EC_K256)
    ids = lambda **filters: [o.id for o in session.list_objects(**filters)]
    assert ids() == [1, 0x1234, 0x1235]
    assert ids(object_id=0x1234) == [0x1234] and ids(object_type=OBJECT.AUTHENTICATION_KEY) == [1]
    assert ids(label="b") == [0x1235] and ids(algorithm=ALGORITHM.EC_K256) == [0x1235]
    assert ids(domains=0b100, object_type=OBJECT.ASYMMETRIC_KEY) == [0x1234]
    assert ids(capabilities=C.SIGN_ECDSA, object_type=OBJECT.ASYMMETRIC_KEY) == [0x1235]
    assert ids(object_id=1, object_type=OBJECT.HMAC_KEY, label="foo") == []
    again = (session, 0x1234, "again", 1, C.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    refused(ERROR.OBJECT_EXISTS, AsymmetricKey.generate, *again)
    assert first.get_info().sequence == 0
    first.delete()
    assert AsymmetricKey.generate(*again).get_info().sequence == 1
    first.delete()
    second.delete()


def wrapping(hsm, other, session):
    """Under one wrap key an object moves to a second device, and what travels is what the format says."""
    for algorithm, size in ((ALGORITHM.AES128_CCM_WRAP, 16), (ALGORITHM.AES192_CCM_WRAP, 24), (ALGORITHM.AES256_CCM_WRAP, 32)):
        raw = os.urandom(size)
        caps, may = C.EXPORT_WRAPPED | C.IMPORT_WRAPPED, C.ALL
        here = WrapKey.put(session, 9, "wrap", 0xFFFF, caps, algorithm, may, raw)
        there_session = other.create_session_derived(1, "password")
        there = WrapKey.put(there_session, 9, "wrap", 0xFFFF, caps, algorithm, may, raw)
        out = C.EXPORTABLE_UNDER_WRAP
        seed = ed25519.Ed25519PrivateKey.generate()
        objects = [
            AsymmetricKey.put(session, 0, "ed25519 put", 1, C.SIGN_EDDSA | out, seed),
            AsymmetricKey.generate(session, 0, "ed25519", 2, C.SIGN_EDDSA | out, ALGORITHM.EC_ED25519),
            AsymmetricKey.generate(session, 0, "k256", 3, C.SIGN_ECDSA | out, ALGORITHM.EC_K256),
            HmacKey.generate(session, 0, "hmac", 1, C.SIGN_HMAC | out, ALGORITHM.HMAC_SHA512),
            Opaque.put(session, 0, "opaque", 1, out, ALGORITHM.OPAQUE_DATA, b"\xaa" * 99),
            AuthenticationKey.put_derived(session, 0, "auth", 1, C.GET_OPAQUE | out, C.SIGN_EDDSA, "pw"),
            WrapKey.generate(session, 0, "w", 1, C.WRAP_DATA | out, ALGORITHM.AES256_CCM_WRAP, C.SIGN_EDDSA),
        ]
        for key in objects:
            wrapped = here.export_wrapped(key)
            assert wrapped != here.export_wrapped(key), "a nonce was used twice"
            plain = AESCCM(raw).decrypt(wrapped[:13], wrapped[13:], None)
            before = key.get_info()
            assert plain[0] == algorithm and len(plain) == 59 + before.size
            refused(ERROR.OBJECT_EXISTS, here.import_wrapped, wrapped)
            refused(ERROR.INVALID_DATA, there.import_wrapped, wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
            copy = there.import_wrapped(wrapped)
            after = copy.get_info()
            assert replace(after, origin=before.origin) == before, (before, after)
            assert after.origin == before.origin | ORIGIN.IMPORTED_WRAPPED
            if isinstance(key, AsymmetricKey):
                raw_of = lambda k: k.get_public_key().public_numbers() if before.algorithm == ALGORITHM.EC_K256 else k.get_public_key().public_bytes_raw()
                assert raw_of(copy) == raw_of(key)
            if before.label == "ed25519 put":
                assert copy.sign_eddsa(b"x") == seed.sign(b"x")
                assert plain[-32:] == seed.public_key().public_bytes_raw() and len(plain) == 59 + 96
            if isinstance(key, HmacKey):
                assert copy.sign_hmac(b"x") == key.sign_hmac(b"x")
            if isinstance(key, Opaque):
                assert copy.get() == b"\xaa" * 99
            if isinstance(key, AuthenticationKey):
                other.create_session_derived(copy.id, "pw").close()
            copy.delete()
            key.delete()
        here.delete()
        there.delete()
        there_session.close()


def wrap_permissions(hsm, other, session):
    raw = os.urandom(32)
    put = lambda caps, may: WrapKey.put(session, 9, "w", 1, caps, ALGORITHM.AES256_CCM_WRAP, may, raw)
    generate = lambda caps: AsymmetricKey.generate(session, 8, "k", 1, caps, ALGORITHM.EC_ED25519)
    ex, im, out = C.EXPORT_WRAPPED, C.IMPORT_WRAPPED, C.EXPORTABLE_UNDER_WRAP
    key = generate(C.SIGN_EDDSA)
    wrap = put(ex | im, C.ALL)
    refused(ERROR.INSUFFICIENT_PERMISSIONS, wrap.export_wrapped, key)
    key.delete()
    key = generate(C.SIGN_EDDSA | out)
    blob = wrap.export_wrapped(key)
    wrap.delete()
    refused(ERROR.OBJECT_NOT_FOUND, wrap.export_wrapped, key)
    for caps, may in ((im, C.ALL), (ex, C.NONE), (ex, out), (ex, C.SIGN_EDDSA)):
        wrap = put(caps, may)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, wrap.export_wrapped, key)
        wrap.delete()
    key.delete()
    for caps, may in ((ex, C.ALL), (im, out), (im, C.SIGN_EDDSA)):
        wrap = put(caps, may)
        refused(ERROR.INSUFFICIENT_PERMISSIONS, wrap.import_wrapped, blob)
        wrap.delete()
    wrap = put(im | ex, out | C.SIGN_EDDSA)
    # A session without the capability, and one in another domain.
    for name, domain, caps, code in (
        ("may not", 1, C.NONE, ERROR.INSUFFICIENT_PERMISSIONS),
        ("elsewhere", 2, C.ALL, ERROR.OBJECT_NOT_FOUND),
    ):
        who = AuthenticationKey.put_derived(session, 0, name, domain, caps, C.ALL, "pw")
        with hsm.create_session_derived(who.id, "pw") as own:
            refused(code, wrap.with_session(own).import_wrapped, blob)
        who.delete()
    back = wrap.import_wrapped(blob)
    back.get_public_key().verify(back.sign_eddsa(b"x"), b"x")
    back.delete()
    wrap.delete()
    data = WrapKey.generate(session, 9, "d", 1, C.WRAP_DATA | C.UNWRAP_DATA, ALGORITHM.AES192_CCM_WRAP, C.NONE)
    for size in (1, 16, 1989):
        plain = os.urandom(size)
        assert data.unwrap_data(data.wrap_data(plain)) == plain
    data.delete()


def log_chain(hsm, other, session):
    # Only boot and reset are logged until somebody asks for more; the chain begins with the reset.
    entries = session.get_log_entries().entries
    assert entries[0].data == b"\0\1" + b"\xff" * 14 and entries[1].data == b"\0\2" + b"\0\0\0" + b"\xff\xff" + b"\0" * 9
    on = [COMMAND.SIGN_EDDSA, COMMAND.CREATE_SESSION, COMMAND.AUTHENTICATE_SESSION, COMMAND.SET_LOG_INDEX, COMMAND.DELETE_OBJECT]
    session.set_command_audit({command: AUDIT.ON for command in on})
    assert {c for c, v in session.get_command_audit().items() if v == AUDIT.ON} == set(on)
    key = AsymmetricKey.generate(session, 5, "k", 1, C.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    key.sign_eddsa(b"xyz")
    key.id = 6
    refused(ERROR.OBJECT_NOT_FOUND, key.sign_eddsa, b"x")
    key.id = 5
    hsm.create_session_derived(1, "password").close()
    last = entries[-1]
    entries = session.get_log_entries().entries[2:]
    facts = [(e.command, e.length, e.session_key, e.target_key, e.second_key, e.result) for e in entries]
    assert facts == [
        (COMMAND.SIGN_EDDSA, 5, 1, 5, 0xFFFF, 0xEA),
        (COMMAND.SIGN_EDDSA, 3, 1, 6, 0xFFFF, ERROR.OBJECT_NOT_FOUND),
        (COMMAND.CREATE_SESSION, 10, 0xFFFF, 1, 0xFFFF, 0x83),
        (COMMAND.AUTHENTICATE_SESSION, 17, 0xFFFF, 1, 0xFFFF, 0x84),
    ], facts
    assert entries[0].validate(last)
    session.set_log_index(entries[-1].number)
    rest = session.get_log_entries(entries[-1]).entries
    assert [e.command for e in rest] == [COMMAND.SET_LOG_INDEX]
    try:
        session.get_log_entries(replace(entries[-1], digest=os.urandom(16)))
        raise AssertionError("a wrong digest was not noticed")
    except YubiHsmInvalidResponseError:
        pass
    # Without forced audit the ring overwrites, and the chain of what is left holds.
    for _ in range(70):
        key.sign_eddsa(b"x")
    ring = session.get_log_entries().entries
    assert len(ring) == 62 and ring[-1].number - ring[0].number == 61
    key.delete()


def forced_audit(hsm, other, session):
    key = AsymmetricKey.generate(session, 5, "k", 1, C.SIGN_EDDSA, ALGORITHM.EC_ED25519)
    last = session.get_log_entries().entries[-1]
    session.set_log_index(last.number)
    session.set_force_audit(AUDIT.ON)
    assert session.get_force_audit() == AUDIT.ON
    signed = 0
    try:
        while signed < 100:
            key.sign_eddsa(b"x")
            signed += 1
    except YubiHsmDeviceError as error:
        assert error.code == ERROR.LOG_FULL
    assert signed == 61, signed  # one place went to SET LOG INDEX
    info = hsm.get_device_info()
    assert info.log_used == info.log_size
    # Sessions are always possible and are counted; what is not audited goes on.
    hsm.create_session_derived(1, "password").close()
    session.send_secure_cmd(COMMAND.ECHO, b"x")
    log = session.get_log_entries(last)
    assert log.n_auth == 1 and len(log.entries) == 62
    session.set_log_index(log.entries[-1].number)
    key.sign_eddsa(b"x")
    session.set_force_audit(AUDIT.FIXED)
    refused(ERROR.INVALID_DATA, session.set_force_audit, AUDIT.OFF)
    key.delete()


def reset(hsm, other, session):
    before = hsm.get_device_info().serial
    AuthenticationKey.put_derived(session, 3, "admin", 0xFFFF, C.ALL, C.ALL, "other")
    session.reset_device()
    again = YubiHsm.connect(sys.argv[1])
    assert again.get_device_info().serial == before
    with again.create_session_derived(1, "password") as fresh:
        assert [o.id for o in fresh.list_objects()] == [1]
        assert fresh.get_force_audit() == AUDIT.OFF and len(fresh.get_log_entries().entries) == 2


RULES = [
    device, sessions, authentication_keys, domains, ed25519_keys, secp256k1_keys, hmac_keys, opaques, listing, wrapping,
    wrap_permissions, log_chain, forced_audit, reset,
]

if __name__ == "__main__":
    hsm, other = (YubiHsm.connect(url) for url in sys.argv[1:3])
    session = hsm.create_session_derived(1, "password")
    for rule in RULES:
        rule(hsm, other, session)
        print(f"ok {rule.__name__}", flush=True)
