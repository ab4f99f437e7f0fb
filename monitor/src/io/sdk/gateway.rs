//! The same questions over REST, where no endpoint takes them otherwise: many public RPC endpoints answer for blocks and
//! refuse `abci_query`. The gRPC gateway of later lines, or the LCD of SDK 0.39.
//!
//! Absent: raw reads of a store, which REST does not have.

use super::super::rest::RestFailure;
use super::{AMINO_PAGE, PAGE, PAGES, Sdk};
use crate::decode::DecodeError;
use crate::rest::{self, Page};
use comet::sdk::slashing::{self, SigningInfo};
use comet::sdk::staking::Validator;
use hyper::body::Bytes;

/// Why REST gave no answer either.
#[derive(Debug, thiserror::Error)]
pub(super) enum GatewayFailure {
    /// No endpoint, or no good answer.
    #[error(transparent)]
    Rest(#[from] RestFailure),
    /// Not what it should be.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The state of another height answered.
    #[error("asked for height {asked}, answered for {said:?}")]
    Height {
        /// What was wanted.
        asked: i64,
        /// What the answer is of, where it says so.
        said: Option<i64>,
    },
    /// Pages without end.
    #[error("too many pages of {0}")]
    Endless(&'static str),
}

/// Where a thing is: in the gateway, and in the LCD.
struct Place {
    gateway: &'static str,
    lcd: &'static str,
}

const PARAMS: Place = Place { gateway: "/cosmos/slashing/v1beta1/params", lcd: "/slashing/parameters" };
const INFOS: Place =
    Place { gateway: "/cosmos/slashing/v1beta1/signing_infos", lcd: "/slashing/signing_infos" };
const VALIDATORS: Place = Place { gateway: "/cosmos/staking/v1beta1/validators", lcd: "/staking/validators" };

/// An answer, the height of its state where a header says so, and whether it is the LCD's, which says so beside the result.
struct Answer {
    body: Bytes,
    at: Option<i64>,
    lcd: bool,
}

impl Answer {
    /// The height of the state that answered, which must be the one `asked` for, unless that is 0.
    fn at(&self, asked: i64, beside: Option<i64>) -> Result<Option<i64>, GatewayFailure> {
        let said = if self.lcd { beside } else { self.at };
        if asked > 0 && said != Some(asked) { Err(GatewayFailure::Height { asked, said }) } else { Ok(said) }
    }
}

impl Sdk {
    pub(super) async fn gateway_params(&self, height: i64) -> Result<slashing::Params, GatewayFailure> {
        let answer = self.get(&PARAMS, "", "", height).await?;
        let (params, beside) = rest::params(&answer.body)?;
        answer.at(height, beside)?;
        Ok(params)
    }

    pub(super) async fn gateway_signing_infos(
        &self,
        height: i64,
    ) -> Result<Vec<SigningInfo>, GatewayFailure> {
        Ok(self.list(&INFOS, &[""], height, rest::signing_infos).await?.0)
    }

    pub(super) async fn gateway_validators(
        &self,
        height: i64,
    ) -> Result<(Vec<Validator>, i64), GatewayFailure> {
        let statuses = ["status=bonded&", "status=unbonding&", "status=unbonded&"];
        self.list(&VALIDATORS, &statuses, height, rest::validators).await
    }

    /// All pages: those of the gateway, or of the LCD for each of `kinds`.
    async fn list<T>(
        &self,
        place: &Place,
        kinds: &[&str],
        height: i64,
        read: fn(&[u8]) -> Result<Page<T>, DecodeError>,
    ) -> Result<(Vec<T>, i64), GatewayFailure> {
        let (mut all, mut first, mut kind, mut number) = (Vec::new(), None, 0, 1);
        let mut key = String::new();
        for _ in 0..PAGES {
            let wanted = format!("?pagination.limit={PAGE}{key}");
            let lcd = format!("?{}page={number}&limit={AMINO_PAGE}", kinds[kind]);
            let answer = self.get(place, &wanted, &lcd, height).await?;
            let page = read(&answer.body)?;
            let said = answer.at(height, page.height)?;
            let at = *first.get_or_insert(said.unwrap_or(0));
            let whole = page.items.len() == AMINO_PAGE;
            all.extend(page.items);
            match (answer.lcd, page.next) {
                (true, _) if whole => number += 1,
                (true, _) if kind + 1 < kinds.len() => (kind, number) = (kind + 1, 1),
                (false, Some(next)) => key = format!("&pagination.key={}", in_url(&next)),
                _ => return Ok((all, at)),
            }
        }
        Err(GatewayFailure::Endless(place.gateway))
    }

    /// One answer, of the state at `height` unless that is 0.
    async fn get(
        &self,
        place: &Place,
        gateway: &str,
        lcd: &str,
        height: i64,
    ) -> Result<Answer, GatewayFailure> {
        let pool = self.pool();
        match pool.rest(&format!("{}{gateway}", place.gateway), height).await {
            Err(RestFailure::Status { status: 404 | 501, .. }) => {
                let at = match (height, lcd.is_empty()) {
                    (0, _) => String::new(),
                    (_, true) => format!("?height={height}"),
                    (_, false) => format!("&height={height}"),
                };
                let (body, at) = pool.rest(&format!("{}{lcd}{at}", place.lcd), 0).await?;
                Ok(Answer { body, at, lcd: true })
            }
            answer => {
                let (body, at) = answer?;
                Ok(Answer { body, at, lcd: false })
            }
        }
    }
}

/// Base64 inside a URL.
fn in_url(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}
