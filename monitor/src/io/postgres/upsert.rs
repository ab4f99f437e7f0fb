//! One batch as one transaction: what is there stays, what differs is noted.

use super::batch::{Batch, Cursor};
use crate::flag::{self, Flag};
use crate::io::history::pack_members;
use std::collections::BTreeMap;
use tokio_postgres::{Client, Error, Transaction};

fn big(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) async fn cursor(client: &Client, chain: &str, writer: &str) -> Result<Cursor, Error> {
    let query = "SELECT height, late, hour FROM palisade.mirror WHERE chain = $1 AND writer = $2";
    Ok(match client.query_opt(query, &[&chain, &writer]).await? {
        Some(row) => Cursor { height: row.try_get(0)?, late: row.try_get(1)?, hour: row.try_get(2)? },
        None => Cursor::default(),
    })
}

/// Writes a batch; heights at which the database has something else.
pub(super) async fn write(
    client: &mut Client,
    chain: &str,
    writer: &str,
    batch: &Batch,
) -> Result<Vec<i64>, Error> {
    let transaction = client.transaction().await?;
    // One writer of a chain at a time: two would wait for each other's rows in different orders.
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtext('palisade'), hashtext($1))", &[&chain])
        .await?;
    sets(&transaction, chain, batch).await?;
    let differ = blocks(&transaction, chain, writer, batch).await?;
    misses(&transaction, chain, batch, &differ).await?;
    rollups(&transaction, chain, batch).await?;
    beside(&transaction, chain, batch).await?;
    let Cursor { height, late, hour } = batch.next;
    transaction
        .execute(
            "INSERT INTO palisade.mirror VALUES ($1, $2, $3, $4, $5) ON CONFLICT (chain, writer) \
             DO UPDATE SET height = excluded.height, late = excluded.late, hour = excluded.hour",
            &[&chain, &writer, &height, &late, &hour],
        )
        .await?;
    transaction.commit().await?;
    Ok(differ)
}

async fn sets(transaction: &Transaction<'_>, chain: &str, batch: &Batch) -> Result<(), Error> {
    let sets: BTreeMap<&str, Vec<u8>> =
        batch.rows.iter().map(|row| (row.set.hash(), pack_members(&row.set))).collect();
    let (hashes, members): (Vec<&str>, Vec<Vec<u8>>) = sets.into_iter().unzip();
    transaction
        .execute(
            "INSERT INTO palisade.validator_set SELECT $1, * FROM unnest($2::text[], $3::bytea[]) ON CONFLICT DO NOTHING",
            &[&chain, &hashes, &members],
        )
        .await?;
    Ok(())
}

async fn blocks(
    transaction: &Transaction<'_>,
    chain: &str,
    writer: &str,
    batch: &Batch,
) -> Result<Vec<i64>, Error> {
    let rows = || batch.rows.iter();
    let heights: Vec<i64> = rows().map(|r| r.height).collect();
    let times: Vec<i64> = rows().map(|r| r.time).collect();
    let rounds: Vec<i32> = rows().map(|r| r.round).collect();
    let proposer =
        |r: &std::sync::Arc<crate::row::Row>| r.set.members().get(r.proposer?).map(|m| m.address.0.to_vec());
    let proposers: Vec<Option<Vec<u8>>> = rows().map(proposer).collect();
    let hashes: Vec<&str> = rows().map(|r| r.set.hash()).collect();
    let flags: Vec<Vec<u8>> = rows().map(|r| flag::pack(&r.flags)).collect();
    let given = "unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bytea[], $6::text[], $7::bytea[]) \
                 AS n (height, time, round, proposer, set_hash, flags)";
    let insert = format!("INSERT INTO palisade.block SELECT $1, n.* FROM {given} ON CONFLICT DO NOTHING");
    transaction.execute(&insert, &[&chain, &heights, &times, &rounds, &proposers, &hashes, &flags]).await?;
    let compare = format!(
        "SELECT b.height FROM palisade.block b JOIN {given} ON b.chain = $1 AND b.height = n.height \
         WHERE (b.time, b.round, b.proposer, b.set_hash, b.flags) \
         IS DISTINCT FROM (n.time, n.round, n.proposer, n.set_hash, n.flags) ORDER BY 1"
    );
    let found = transaction
        .query(&compare, &[&chain, &heights, &times, &rounds, &proposers, &hashes, &flags])
        .await?;
    let differ = found.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
    transaction
        .execute(
            "INSERT INTO palisade.difference (chain, height, writer) SELECT $1, unnest($2::bigint[]), $3 \
             ON CONFLICT DO NOTHING",
            &[&chain, &differ, &writer],
        )
        .await?;
    Ok(differ)
}

async fn misses(
    transaction: &Transaction<'_>,
    chain: &str,
    batch: &Batch,
    differ: &[i64],
) -> Result<(), Error> {
    let (mut who, mut heights, mut nil) = (Vec::new(), Vec::new(), Vec::new());
    for row in batch.rows.iter().filter(|row| !differ.contains(&row.height)) {
        for (member, flag) in row.set.members().iter().zip(&row.flags) {
            if matches!(flag, Flag::Absent | Flag::Nil) {
                who.push(member.address.0.to_vec());
                heights.push(row.height);
                nil.push(*flag == Flag::Nil);
            }
        }
    }
    transaction
        .execute(
            "INSERT INTO palisade.miss SELECT $1, * FROM unnest($2::bytea[], $3::bigint[], $4::boolean[]) \
             ON CONFLICT DO NOTHING",
            &[&chain, &who, &heights, &nil],
        )
        .await?;
    Ok(())
}

/// Of an hour that two monitors tell, the one who saw more blocks of it.
async fn rollups(transaction: &Transaction<'_>, chain: &str, batch: &Batch) -> Result<(), Error> {
    let all = || batch.rollups.iter();
    let spans: Vec<i32> = all().map(|r| i32::try_from(r.0).unwrap_or(0)).collect();
    let starts: Vec<i64> = all().map(|r| r.1).collect();
    let who: Vec<Vec<u8>> = all().map(|r| r.2.0.to_vec()).collect();
    let column =
        |f: fn(&crate::history::segment::Segment) -> u64| all().map(|r| big(f(&r.3))).collect::<Vec<i64>>();
    transaction
        .execute(
            "INSERT INTO palisade.rollup SELECT $1, * FROM unnest($2::integer[], $3::bigint[], $4::bytea[], \
             $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[]) \
             ON CONFLICT (chain, span, start, address) DO UPDATE SET signed = excluded.signed, \
             missed = excluded.missed, nil = excluded.nil, proposed = excluded.proposed, \
             head_missed = excluded.head_missed, tail_missed = excluded.tail_missed, \
             longest_missed = excluded.longest_missed \
             WHERE excluded.signed + excluded.missed > rollup.signed + rollup.missed",
            &[
                &chain,
                &spans,
                &starts,
                &who,
                &column(|s| s.signed),
                &column(|s| s.missed),
                &column(|s| s.nil),
                &column(|s| s.proposed),
                &column(|s| s.head),
                &column(|s| s.tail),
                &column(|s| s.longest),
            ],
        )
        .await?;
    Ok(())
}

/// Events and names.
async fn beside(transaction: &Transaction<'_>, chain: &str, batch: &Batch) -> Result<(), Error> {
    let all = || batch.events.iter();
    let heights: Vec<i64> = all().map(|e| e.height).collect();
    let kinds: Vec<&str> = all().map(|e| e.kind.name()).collect();
    let who: Vec<Vec<u8>> = all().map(|e| e.address.map(|a| a.0.to_vec()).unwrap_or_default()).collect();
    let times: Vec<i64> = all().map(|e| e.time).collect();
    transaction
        .execute(
            "INSERT INTO palisade.event SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::bytea[], $5::bigint[]) \
             ON CONFLICT DO NOTHING",
            &[&chain, &heights, &kinds, &who, &times],
        )
        .await?;
    let names = || batch.names.iter();
    let who: Vec<Vec<u8>> = names().map(|(a, _)| a.0.to_vec()).collect();
    // PostgreSQL has no zero character in text.
    let plain = |text: &str| text.replace('\0', "");
    let valopers: Vec<String> = names().map(|(_, n)| plain(&n.valoper)).collect();
    let monikers: Vec<String> = names().map(|(_, n)| plain(&n.moniker)).collect();
    let jailed: Vec<bool> = names().map(|(_, n)| n.jailed).collect();
    transaction
        .execute(
            "INSERT INTO palisade.profile SELECT $1, * FROM unnest($2::bytea[], $3::text[], $4::text[], $5::boolean[]) \
             ON CONFLICT (chain, address) DO UPDATE SET valoper = excluded.valoper, moniker = excluded.moniker, \
             jailed = excluded.jailed WHERE (profile.valoper, profile.moniker, profile.jailed) \
             IS DISTINCT FROM (excluded.valoper, excluded.moniker, excluded.jailed)",
            &[&chain, &who, &valopers, &monikers, &jailed],
        )
        .await?;
    Ok(())
}
