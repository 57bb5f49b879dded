//! Replacing keys in three steps, without a gap: everybody gets the new key beside the old one, then it is put in use,
//! then the old one goes. Between two steps everybody has to have noticed.

use std::time::{Duration, SystemTime};

use clap::ValueEnum;
use parapet_bus::keys::{KeyError, OpeningKeys, SigningKey, generate};
use parapet_bus::nats::UserKey;
use zeroize::Zeroizing;

use super::adoption::Adoption;
use super::ring::{Contents, Holder, Note, Ring, RingError, Wanted, complete, file};
use super::store::StoreError;

/// What is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum What {
    /// The key that the operator signs with.
    Signing,
    /// The gateways' key, which credentials are sealed to.
    Sealing,
    /// The NATS users of operator, gateways and forwarders.
    Nats,
}

/// One step.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Step {
    /// Make the new key, beside the old one.
    Add,
    /// Put it in use; the old one still counts.
    Use,
    /// Take the old one away.
    Drop,
}

/// How far a replacement is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// One key.
    Single,
    /// A second one that was never in use.
    Added,
    /// The second one is the old one.
    Used,
}

impl What {
    /// Where the private keys are.
    const fn places(self) -> &'static [(Holder, &'static str)] {
        match self {
            Self::Signing => &[(Holder::Operator, file::SIGNING)],
            Self::Sealing => &[(Holder::Gateway, file::OPENING)],
            Self::Nats => &[
                (Holder::Operator, file::NATS),
                (Holder::Gateway, file::NATS),
                (Holder::Operator, file::TRACES),
                (Holder::Gateway, file::TRACES),
                (Holder::Forwarder, file::NATS),
            ],
        }
    }

    fn generate(self) -> Result<Zeroizing<String>, KeyError> {
        match self {
            Self::Signing | Self::Sealing => generate(),
            Self::Nats => UserKey::generate()
                .map(|user| user.seed)
                .ok_or(KeyError::NoRandom),
        }
    }

    /// What tells a key from another.
    pub fn id(self, key: &str) -> Result<String, KeyError> {
        Ok(match self {
            Self::Signing => SigningKey::from_text(key)?.id().to_owned(),
            Self::Sealing => {
                let keys = OpeningKeys::from_texts([key])?;
                let id = keys.sealing_keys().next().map(|key| key.id().to_owned());
                id.ok_or(KeyError::NotAKey)?
            }
            Self::Nats => UserKey::from_seed(key)?.public,
        })
    }
}

/// What a step is checked against.
#[derive(Debug)]
pub struct Circumstances<'a> {
    /// The names of the Secrets begin with it.
    pub prefix: &'a str,
    /// Now.
    pub now: SystemTime,
    /// How long the step before must have been done for.
    pub after: Duration,
    /// What the operator says; none when that is not known.
    pub adoption: Option<&'a Adoption>,
}

/// Takes one step. A step that is done already changes nothing.
///
/// # Errors
/// When it is too early, or there is nothing to replace.
pub fn rotate(
    ring: &mut Ring,
    what: What,
    step: Step,
    with: &Circumstances<'_>,
) -> Result<(), StoreError> {
    let refuse = |text: String| Err(StoreError::Refused(text));
    let before = ring.clone();
    // After the operator's keys were lost, gateways trust one that nobody has.
    let trusted = ring
        .get(&Holder::Gateway)
        .map_or(0, |gateway| gateway.lines(file::TRUSTED).len());
    let mut leftover = false;
    for &(holder, file) in what.places() {
        let secret = holder.secret(with.prefix);
        let bad = |error| RingError::Key {
            secret: secret.clone(),
            file,
            error,
        };
        let Some(contents) = ring.get_mut(&holder) else {
            return refuse(format!(
                "there is no Secret {secret}: `parapet-operator keys ensure` makes it"
            ));
        };
        let lines: Vec<Zeroizing<String>> = contents
            .lines(file)
            .iter()
            .map(|&line| Zeroizing::new(line.to_owned()))
            .collect();
        let texts: Vec<&str> = lines.iter().map(|line| line.as_str()).collect();
        let ids: Vec<String> = texts
            .iter()
            .map(|line| what.id(line))
            .collect::<Result<_, _>>()
            .map_err(bad)?;
        let (stage, second) = match (texts.as_slice(), ids.as_slice()) {
            ([_], [_]) => (Stage::Single, ""),
            ([_, _], [_, second]) => {
                let was_first = contents
                    .notes
                    .get(second)
                    .is_some_and(|note| note.first.is_some());
                let stage = if was_first { Stage::Used } else { Stage::Added };
                (stage, second.as_str())
            }
            _ => {
                return refuse(format!(
                    "Secret {secret} has {} keys in {file}: one is replaced by one",
                    texts.len()
                ));
            }
        };
        let first = ids.first().map_or("", String::as_str);
        match (step, stage) {
            (Step::Add, Stage::Single) => {
                let key = what.generate().map_err(RingError::Random)?;
                let id = what.id(&key).map_err(bad)?;
                contents.set_lines(file, texts.iter().copied().chain([key.as_str()]));
                let note = |first| Note {
                    made: with.now,
                    first,
                };
                contents
                    .notes
                    .entry(first.to_owned())
                    .or_insert(note(Some(with.now)));
                contents.notes.insert(id, note(None));
            }
            (Step::Use, Stage::Added) => {
                let made = contents.notes.get(second).map(|note| note.made);
                early(step, made, with)?;
                unready(what, second, with)?;
                contents.set_lines(file, texts.iter().rev().copied());
                in_use(contents, second, with.now);
            }
            (Step::Drop, Stage::Used) => {
                let since = contents.notes.get(first).and_then(|note| note.first);
                early(step, since, with)?;
                unfinished(what, first, with)?;
                contents.set_lines(file, texts.iter().take(1).copied());
                contents.notes.remove(second);
            }
            // It is done already.
            (Step::Add, Stage::Added) | (Step::Use, Stage::Used) => {}
            (Step::Drop, Stage::Single) => {
                leftover = what == What::Signing && trusted > 1;
                if leftover {
                    unfinished(what, first, with)?;
                }
            }
            (Step::Add, Stage::Used) => {
                return refuse("the old key is still there: take the step `drop` first".to_owned());
            }
            (Step::Use, Stage::Single) => {
                return refuse("there is no new key: take the step `add` first".to_owned());
            }
            (Step::Drop, Stage::Added) => {
                return refuse("the new key is not in use: take the step `use` first".to_owned());
            }
        }
    }
    if leftover || *ring != before {
        follow(ring, what, step, with)?;
    }
    Ok(())
}

fn in_use(contents: &mut Contents, id: &str, now: SystemTime) {
    let note = contents.notes.entry(id.to_owned());
    note.or_insert(Note {
        made: now,
        first: None,
    })
    .first = Some(now);
}

/// Brings in line what follows from the private keys.
fn follow(
    ring: &mut Ring,
    what: What,
    step: Step,
    with: &Circumstances<'_>,
) -> Result<(), RingError> {
    match (what, step) {
        // What `complete` does not do by itself: to take away what works.
        (What::Signing, Step::Drop) => {
            if let Some(gateway) = ring.get_mut(&Holder::Gateway) {
                gateway.files.remove(file::TRUSTED);
            }
        }
        (What::Sealing, Step::Use) => {
            if let Some(operator) = ring.get_mut(&Holder::Operator) {
                operator.files.remove(file::SEALING);
            }
        }
        (What::Signing, Step::Add | Step::Use)
        | (What::Sealing, Step::Add | Step::Drop)
        | (What::Nats, _) => {}
    }
    let wanted = Wanted {
        prefix: with.prefix.to_owned(),
        nats_names: Vec::new(),
        webhook_names: Vec::new(),
    };
    complete(ring, &wanted, with.now)?;
    if what == What::Nats {
        super::ring::users::accounts(ring, with.prefix)?;
    }
    Ok(())
}

/// Nobody looks at a mounted Secret at once: a kubelet takes up to two minutes.
fn early(
    step: Step,
    since: Option<SystemTime>,
    with: &Circumstances<'_>,
) -> Result<(), StoreError> {
    let Some(since) = since else { return Ok(()) };
    let ago = with.now.duration_since(since).unwrap_or_default();
    if ago >= with.after {
        return Ok(());
    }
    let (before, left) = match step {
        Step::Add | Step::Use => ("add", with.after - ago),
        Step::Drop => ("use", with.after - ago),
    };
    Err(StoreError::Refused(format!(
        "the step `{before}` was {} s ago, and pods take up to two minutes to see it: wait {} s more",
        ago.as_secs(),
        left.as_secs() + 1
    )))
}

/// Whether all gateways have the key that is about to be used.
fn unready(what: What, id: &str, with: &Circumstances<'_>) -> Result<(), StoreError> {
    let Some(adoption) = with.adoption else {
        return Ok(());
    };
    let counts = match what {
        What::Signing => &adoption.trusted,
        What::Sealing => &adoption.opening,
        // Nobody reports which users NATS admits; whoever is not admitted as one tries the other.
        What::Nats => return Ok(()),
    };
    let have = counts.get(id).copied().unwrap_or_default();
    if have >= adoption.gateways {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "{have} of {} gateways have the new key {id}: the others would refuse what is published with it",
        adoption.gateways
    )))
}

/// Whether the operator uses the new key, and all gateways enforce what was published with it.
fn unfinished(what: What, id: &str, with: &Circumstances<'_>) -> Result<(), StoreError> {
    let Some(adoption) = with.adoption else {
        return Ok(());
    };
    let used = match what {
        What::Signing => &adoption.signing,
        What::Sealing => &adoption.sealing,
        What::Nats => return Ok(()),
    };
    if used != id {
        return Err(StoreError::Refused(format!(
            "the operator still uses the key {used}, and not {id}"
        )));
    }
    if adoption.current >= adoption.gateways {
        return Ok(());
    }
    Err(StoreError::Refused(format!(
        "{} of {} gateways enforce what was published with the new key {id}",
        adoption.current, adoption.gateways
    )))
}

#[cfg(test)]
mod tests;
