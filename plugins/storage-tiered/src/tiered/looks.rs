//! Which store the remote holds, as requests have found: each looks for itself, and once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::cache::Namespace;

/// How long a request goes by what it has found. An id may be that of a whole run of an agent, and the store be made anew in it.
const FRESH: Duration = Duration::from_secs(3);

/// How many requests are remembered. One that is forgotten looks again.
const MOST: usize = 64;

/// What a request finds; whoever belongs to it waits for the one that looks.
pub(crate) type Look = Arc<OnceCell<Option<Namespace>>>;

/// What the requests of the last seconds have found, the newest last.
#[derive(Default)]
pub(crate) struct Looks(Mutex<VecDeque<(Arc<str>, Instant, Look)>>);

impl Looks {
    /// What a request has found or is to find. A call without a request finds for itself.
    pub(crate) fn of(&self, request: Option<Arc<str>>, now: Instant) -> Look {
        let Some(request) = request else { return Look::default() };
        let mut looks = self.recent(now);
        if let Some((_, _, look)) = looks.iter().find(|(id, ..)| *id == request) {
            return Arc::clone(look);
        }
        let look = Look::default();
        looks.push_back((request, now, Arc::clone(&look)));
        look
    }

    /// Notes what a request has found by the way. What others found before may be out of date.
    pub(crate) fn found(&self, request: Option<Arc<str>>, now: Instant, namespace: Option<Namespace>) {
        let mut looks = self.recent(now);
        looks.retain(|(id, _, look)| {
            Some(id) != request.as_ref() && look.get().is_none_or(|known| *known == namespace)
        });
        if let Some(request) = request {
            looks.push_back((request, now, Arc::new(OnceCell::new_with(Some(namespace)))));
        }
    }

    /// The looks that count at `now`, with room for one more.
    fn recent(&self, now: Instant) -> MutexGuard<'_, VecDeque<(Arc<str>, Instant, Look)>> {
        let mut looks = self.looks();
        let forgets = |looks: &VecDeque<(_, Instant, _)>| {
            let old = |since| now.saturating_duration_since(since) >= FRESH;
            looks.front().is_some_and(|(_, since, _)| looks.len() >= MOST || old(*since))
        };
        while forgets(&looks) {
            looks.pop_front();
        }
        looks
    }

    fn looks(&self) -> MutexGuard<'_, VecDeque<(Arc<str>, Instant, Look)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<Arc<str>> {
        Some(text.into())
    }

    #[test]
    fn requests_share_what_they_found_for_some_seconds() {
        let (looks, now) = (Looks::default(), Instant::now());
        let run = looks.of(id("run"), now);
        run.set(Some(Namespace::of_marker(b"one"))).unwrap();
        assert!(looks.of(id("other"), now).get().is_none());
        assert!(looks.of(None, now).get().is_none());
        let later = now + FRESH / 2;
        assert_eq!(looks.of(id("run"), later).get(), run.get());
        assert!(looks.of(id("run"), now + FRESH).get().is_none(), "it looks again");
    }

    #[test]
    fn another_store_is_news_for_everybody() {
        let (looks, now) = (Looks::default(), Instant::now());
        let (one, two) = (Namespace::of_marker(b"one"), Namespace::of_marker(b"two"));
        looks.found(id("a"), now, Some(one));
        looks.found(id("b"), now, Some(one));
        looks.found(id("a"), now, Some(two));
        assert_eq!(looks.of(id("a"), now).get(), Some(&Some(two)));
        assert!(looks.of(id("b"), now).get().is_none());
    }

    #[test]
    fn the_number_of_requests_is_bounded() {
        let (looks, now) = (Looks::default(), Instant::now());
        for number in 0..3 * MOST {
            looks.of(id(&number.to_string()), now);
            looks.found(id(&format!("found {number}")), now, None);
        }
        assert!(looks.looks().len() <= MOST);
    }
}
