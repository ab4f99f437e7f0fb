//! Questions whose answer every honest endpoint must give alike: the state after a height that is past. One endpoint alone
//! is believed only where there is no other that can say; where they differ, most of them are, and where there is no most,
//! nobody is. Block and validator set have a proof of their own, see [`crate::light`].

use super::Pool;
use crate::health::Class;
use crate::io::rpc::{Client, RpcFailure};

impl Pool {
    /// Whether the configuration has a single RPC endpoint, which is believed as far as its hashes fit.
    pub fn has_one(&self) -> bool {
        self.sources.len() < 2
    }

    /// The answer about the state after `height` (0 = the latest, which endpoints may well see differently). `same` says
    /// whether two answers are.
    pub async fn agreed<T, F, Fut>(
        &self,
        height: i64,
        question: F,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<T, RpcFailure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, RpcFailure>>,
    {
        let (answer, first) = self.ask_at(height, &question).await?;
        if height <= 0 {
            return Ok(answer);
        }
        let mut camps = vec![(answer, vec![first.clone()])];
        for other in self.others(&first, height) {
            // Whoever has no answer has no say: a pruned node, or one that does not take such questions.
            let Ok(said) = other.ask(question(other.client.clone())).await else { continue };
            let name = other.name().to_owned();
            match camps.iter_mut().find(|(answer, _)| same(answer, &said)) {
                Some((_, names)) => names.push(name),
                None => camps.push((said, vec![name])),
            }
            if camps.len() == 1 {
                break;
            }
        }
        let asked: usize = camps.iter().map(|(_, names)| names.len()).sum();
        let Some(right) = camps.iter().position(|(_, names)| names.len() * 2 > asked) else {
            return Err(RpcFailure::Disputed { height });
        };
        let (answer, _) = camps.swap_remove(right);
        for name in camps.into_iter().flat_map(|(_, names)| names) {
            self.contradicted(&name, height);
        }
        Ok(answer)
    }

    /// What endpoints with `height` say, one after the other, until `enough`. For what cannot be asked of one height: whoever
    /// asks makes the answers comparable, and then takes what [`most`] say.
    pub async fn said<T, F, Fut>(
        &self,
        height: i64,
        question: F,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, RpcFailure>
    where
        F: Fn(Client) -> Fut,
        Fut: Future<Output = Result<T, RpcFailure>>,
    {
        let (answer, first) = self.ask_at(height, &question).await?;
        let mut all = vec![answer];
        for other in self.others(&first, height) {
            if enough(&all) {
                break;
            }
            all.extend(other.ask(question(other.client.clone())).await);
        }
        Ok(all)
    }

    /// Notes that most others say something else than the endpoint called `name`. It is not put aside: its blocks are
    /// proved one by one, and what it says of the state is not believed anyhow.
    fn contradicted(&self, name: &str, height: i64) {
        let Some(source) = self.source(name) else { return };
        let mut health = source.health();
        tracing::error!(
            endpoint = name,
            height,
            "endpoint tells another state than the others, not believed"
        );
        health.errors[Class::Foreign as usize] += 1;
        health.last_error =
            Some(format!("of the state after height {height} it says something else than the others"));
    }
}

/// What more than half of `all` say.
pub fn most<T: PartialEq>(mut all: Vec<T>) -> Option<T> {
    let same = |one: &T| all.iter().filter(|other| *other == one).count();
    let right = all.iter().position(|one| same(one) * 2 > all.len())?;
    Some(all.swap_remove(right))
}

#[cfg(test)]
mod tests {
    use super::most;

    #[test]
    fn more_than_half_or_nobody() {
        for (all, right) in [
            (vec![1], Some(1)),
            (vec![1, 1], Some(1)),
            (vec![1, 2], None),
            (vec![1, 2, 2], Some(2)),
            (vec![1, 1, 2, 2], None),
            (vec![], None),
        ] {
            assert_eq!(most(all.clone()), right, "{all:?}");
        }
    }
}
