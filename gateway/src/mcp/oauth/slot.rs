//! What is known of one token: whether it holds, whether one is being fetched, why there is none. No clock, no network.

use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::sync::watch;

use super::answer::{Token, TokenError};

/// What came of a fetch; none while it is under way.
pub(super) type Landed = Option<Result<HeaderValue, TokenError>>;

/// A token is no longer shown when so little of its time is left, or a tenth of it when that is less: clocks differ, and the
/// request that shows it takes time.
const MARGIN: Duration = Duration::from_secs(10);
/// After a failure nobody is asked for so long; it doubles with every other.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A server that refuses every token costs one fetch in this time.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(10);

/// One token and what goes with it.
pub(super) struct Slot {
    held: Option<Held>,
    failed: Option<Failed>,
    flight: Option<watch::Receiver<Landed>>,
    /// When a token was last dropped because the server refused it.
    refused: Option<Instant>,
    used: Instant,
}

struct Held {
    value: HeaderValue,
    /// From when on it is renewed beside the traffic.
    renew: Instant,
    /// From when on it is not shown.
    ends: Instant,
}

struct Failed {
    error: TokenError,
    until: Instant,
    pause: Duration,
}

/// What is to be done by whoever needs the token.
#[derive(Debug)]
pub(super) enum Next {
    /// It is here.
    Here(HeaderValue),
    /// It is here, and its time is nearly over: it is to be fetched, and nobody waits for that.
    Renew(HeaderValue),
    /// Somebody fetches it.
    Wait(watch::Receiver<Landed>),
    /// It could not be had a moment ago.
    Failed(TokenError),
    /// It is to be fetched.
    Fetch,
}

impl Slot {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            held: None,
            failed: None,
            flight: None,
            refused: None,
            used: now,
        }
    }

    /// What is to be done.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        self.used = now;
        // Whoever fetched may have been dropped with the runtime.
        let flying = |flight: &watch::Receiver<Landed>| flight.has_changed().is_ok();
        let flight = self.flight.clone().filter(flying);
        let failed = self.failed.as_ref().filter(|failed| now < failed.until);
        let held = self.held.as_ref().filter(|held| now < held.ends);
        match (held, flight, failed) {
            (Some(held), None, None) if now >= held.renew => Next::Renew(held.value.clone()),
            (Some(held), _, _) => Next::Here(held.value.clone()),
            (None, Some(flight), _) => Next::Wait(flight),
            (None, None, Some(failed)) => Next::Failed(failed.error.clone()),
            (None, None, None) => Next::Fetch,
        }
    }

    /// Somebody fetches it.
    pub(super) fn takes_off(&mut self, flight: watch::Receiver<Landed>) {
        self.flight = Some(flight);
    }

    /// It was fetched, or not.
    pub(super) fn lands(
        &mut self,
        result: Result<Token, TokenError>,
        now: Instant,
    ) -> Result<HeaderValue, TokenError> {
        self.flight = None;
        match result {
            Ok(Token { value, lifetime }) => {
                self.failed = None;
                self.held = Some(Held {
                    value: value.clone(),
                    renew: now + lifetime.mul_f64(0.8),
                    ends: now + lifetime.saturating_sub(MARGIN.min(lifetime / 10)),
                });
                Ok(value)
            }
            Err(error) => {
                let before = self.failed.as_ref().map(|failed| failed.pause);
                let pause = before.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
                self.failed = Some(Failed {
                    error: error.clone(),
                    until: now + pause,
                    pause,
                });
                Err(error)
            }
        }
    }

    /// The server refused this token. Says whether another one may help.
    pub(super) fn refuse(&mut self, value: &HeaderValue, now: Instant) -> bool {
        if self.held.as_ref().is_some_and(|held| held.value != value) {
            // Somebody else has dropped it before.
            return true;
        }
        if self
            .refused
            .is_some_and(|before| now < before + AFTER_A_REFUSAL)
        {
            return false;
        }
        self.refused = Some(now);
        self.held = None;
        true
    }

    /// Whether there is nothing to keep it for.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.flight.is_none()
            && self.held.as_ref().is_none_or(|held| now >= held.ends)
            && self
                .failed
                .as_ref()
                .is_none_or(|failed| now >= failed.until + LONGEST_PAUSE)
    }

    /// When it was last asked for; none while it is fetched.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.flight.is_none().then_some(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: &'static str, seconds: u64) -> Token {
        Token {
            value: HeaderValue::from_static(name),
            lifetime: Duration::from_secs(seconds),
        }
    }

    fn word(next: &Next) -> &'static str {
        match next {
            Next::Here(_) => "here",
            Next::Renew(_) => "renew",
            Next::Wait(_) => "wait",
            Next::Failed(_) => "failed",
            Next::Fetch => "fetch",
        }
    }

    #[test]
    fn a_token_is_fetched_once_renewed_in_time_and_not_shown_at_its_end() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut slot = Slot::new(start);
        assert_eq!(word(&slot.next(start)), "fetch");
        let (_tell, told) = watch::channel(None);
        slot.takes_off(told);
        assert_eq!(word(&slot.next(start)), "wait");
        slot.lands(Ok(token("a", 100)), start).unwrap();
        for (second, expected) in [
            (0, "here"),
            (79, "here"),
            (80, "renew"),
            (89, "renew"),
            (90, "fetch"),
        ] {
            assert_eq!(word(&slot.next(at(second))), expected, "{second}");
        }
        let (_tell, told) = watch::channel(None);
        slot.takes_off(told);
        assert_eq!(word(&slot.next(at(85))), "here");
        assert_eq!(word(&slot.next(at(95))), "wait");
        // A token of no time at all is for those who wait for it.
        slot.lands(Ok(token("b", 0)), at(95)).unwrap();
        assert_eq!(word(&slot.next(at(95))), "fetch");
    }

    #[test]
    fn a_fetch_whose_task_is_gone_is_begun_again() {
        let start = Instant::now();
        let mut slot = Slot::new(start);
        let (tell, told) = watch::channel(None);
        slot.takes_off(told);
        drop(tell);
        assert_eq!(word(&slot.next(start)), "fetch");
    }

    #[test]
    fn a_failure_is_kept_for_longer_and_longer_and_costs_no_token_that_holds() {
        let start = Instant::now();
        let mut now = start;
        let mut slot = Slot::new(start);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            slot.lands(Err(TokenError::TooSlow), now).unwrap_err();
            assert_eq!(word(&slot.next(now)), "failed");
            now += Duration::from_secs(pause);
            assert_eq!(word(&slot.next(now)), "fetch", "{pause}");
        }
        slot.lands(Ok(token("a", 100)), now).unwrap();
        now += Duration::from_secs(85);
        assert_eq!(word(&slot.next(now)), "renew");
        slot.lands(Err(TokenError::TooSlow), now).unwrap_err();
        assert_eq!(word(&slot.next(now)), "here");
        assert_eq!(word(&slot.next(now + Duration::from_secs(1))), "renew");
        assert!(!slot.is_over(now));
        assert!(slot.is_over(now + Duration::from_secs(60)));
    }

    #[test]
    fn a_refused_token_is_dropped_once_and_not_for_ever() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let [a, b] = ["a", "b"].map(HeaderValue::from_static);
        let mut slot = Slot::new(start);
        slot.lands(Ok(token("a", 100)), start).unwrap();
        assert!(slot.refuse(&a, start));
        assert_eq!(word(&slot.next(start)), "fetch");
        slot.lands(Ok(token("b", 100)), start).unwrap();
        assert!(slot.refuse(&a, start), "it was dropped by somebody else");
        assert_eq!(word(&slot.next(start)), "here");
        assert!(!slot.refuse(&b, at(9)));
        assert_eq!(word(&slot.next(at(9))), "here");
        assert!(slot.refuse(&b, at(10)));
        assert_eq!(word(&slot.next(at(10))), "fetch");
    }
}
