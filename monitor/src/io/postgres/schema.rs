//! The tables of the shared store: the same as in the local file, with the chain in front, and what analysts ask most
//! (misses, one row each) already spread out.

use super::MirrorError;
use tokio_postgres::Client;

const VERSION: i32 = 1;

const TABLES: &str = "
    CREATE SCHEMA IF NOT EXISTS palisade;
    CREATE TABLE IF NOT EXISTS palisade.version (single boolean PRIMARY KEY DEFAULT true CHECK (single), version integer NOT NULL);
    CREATE TABLE IF NOT EXISTS palisade.validator_set (
        chain text NOT NULL, hash text NOT NULL, members bytea NOT NULL, PRIMARY KEY (chain, hash));
    CREATE TABLE IF NOT EXISTS palisade.block (
        chain text NOT NULL, height bigint NOT NULL, time bigint NOT NULL, round integer NOT NULL, proposer bytea,
        set_hash text NOT NULL, flags bytea NOT NULL, PRIMARY KEY (chain, height));
    CREATE INDEX IF NOT EXISTS block_time ON palisade.block (chain, time);
    CREATE TABLE IF NOT EXISTS palisade.miss (
        chain text NOT NULL, address bytea NOT NULL, height bigint NOT NULL, nil boolean NOT NULL,
        PRIMARY KEY (chain, address, height));
    CREATE TABLE IF NOT EXISTS palisade.rollup (
        chain text NOT NULL, span integer NOT NULL, start bigint NOT NULL, address bytea NOT NULL,
        signed bigint NOT NULL, missed bigint NOT NULL, nil bigint NOT NULL, proposed bigint NOT NULL,
        head_missed bigint NOT NULL, tail_missed bigint NOT NULL, longest_missed bigint NOT NULL,
        PRIMARY KEY (chain, span, start, address));
    CREATE TABLE IF NOT EXISTS palisade.event (
        chain text NOT NULL, height bigint NOT NULL, kind text NOT NULL, address bytea NOT NULL, time bigint NOT NULL,
        PRIMARY KEY (chain, height, kind, address));
    CREATE TABLE IF NOT EXISTS palisade.profile (
        chain text NOT NULL, address bytea NOT NULL, valoper text NOT NULL, moniker text NOT NULL, jailed boolean NOT NULL,
        PRIMARY KEY (chain, address));
    CREATE TABLE IF NOT EXISTS palisade.mirror (
        chain text NOT NULL, writer text NOT NULL, height bigint NOT NULL, late bigint NOT NULL, hour bigint NOT NULL,
        PRIMARY KEY (chain, writer));
    CREATE TABLE IF NOT EXISTS palisade.difference (
        chain text NOT NULL, height bigint NOT NULL, writer text NOT NULL, seen timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (chain, height, writer));
    COMMENT ON COLUMN palisade.block.time IS 'Unix nanoseconds';
    COMMENT ON COLUMN palisade.block.flags IS 'two bits for each member of the set, lowest first: 0 unknown, 1 absent, 2 signed, 3 nil';
    COMMENT ON COLUMN palisade.rollup.start IS 'Unix seconds';
    COMMENT ON TABLE palisade.difference IS 'heights at which a monitor has something else than the one that wrote first';
";

/// Makes the tables, one monitor at a time.
pub(super) async fn make(client: &mut Client) -> Result<(), MirrorError> {
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock(hashtext('palisade'))", &[]).await?;
    let there = transaction.query_one("SELECT to_regclass('palisade.version') IS NOT NULL", &[]).await?;
    if !there.try_get::<_, bool>(0)? {
        transaction.batch_execute(TABLES).await?;
        transaction.execute("INSERT INTO palisade.version (version) VALUES ($1)", &[&VERSION]).await?;
    }
    let found: i32 = transaction.query_one("SELECT version FROM palisade.version", &[]).await?.try_get(0)?;
    if found != VERSION {
        return Err(MirrorError::Version { found, expected: VERSION });
    }
    Ok(transaction.commit().await?)
}
