//! Pages of a list that is ordered by store key, as the SDK's `query.Paginate` cuts them.

use comet::sdk::{PageRequest, PageResponse};

const DEFAULT_LIMIT: u64 = 100;

/// Cuts one page out of `items`, which are in key order.
pub(super) fn cut<T>(items: Vec<(Vec<u8>, T)>, page: Option<&PageRequest>) -> (Vec<T>, PageResponse) {
    let page = page.cloned().unwrap_or_default();
    let limit = if page.limit == 0 { DEFAULT_LIMIT } else { page.limit };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let total = u64::try_from(items.len()).unwrap_or(u64::MAX);
    let by_key = !page.key.is_empty();
    let skip = if by_key { 0 } else { usize::try_from(page.offset).unwrap_or(usize::MAX) };
    let mut rest = items.into_iter().filter(|(key, _)| !by_key || *key >= page.key).skip(skip);
    let shown: Vec<T> = rest.by_ref().take(limit).map(|(_, item)| item).collect();
    let next_key = rest.next().map(|(key, _)| key).unwrap_or_default();
    let counted = !by_key && (page.count_total || page.limit == 0);
    (shown, PageResponse { next_key, total: if counted { total } else { 0 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_the_keys_gives_everything_once() {
        let items = || (0..7u8).map(|n| (vec![n], n)).collect::<Vec<_>>();
        let mut page = PageRequest { limit: 3, ..PageRequest::default() };
        let mut seen = Vec::new();
        loop {
            let (shown, next) = cut(items(), Some(&page));
            seen.extend(shown);
            if next.next_key.is_empty() {
                break;
            }
            page.key = next.next_key;
        }
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(cut(items(), None).1.total, 7);
        assert_eq!(
            cut(items(), Some(&PageRequest { offset: 5, limit: 9, ..PageRequest::default() })).0,
            [5, 6]
        );
    }
}
