use std::collections::BTreeMap;

use super::super::ring::{sealing_keys, signing_keys};
use super::*;

const MINUTE: Duration = Duration::from_secs(60);

fn full() -> Ring {
    let mut ring = Ring::new();
    let wanted = Wanted {
        prefix: "p".to_owned(),
        nats_names: vec!["localhost".to_owned()],
        webhook_names: Vec::new(),
    };
    complete(&mut ring, &wanted, SystemTime::now()).unwrap();
    ring
}

fn at(now: SystemTime, adoption: Option<&Adoption>) -> Circumstances<'_> {
    Circumstances {
        prefix: "p",
        now,
        after: 2 * MINUTE,
        adoption,
    }
}

fn count(ring: &Ring, holder: Holder, file: &str) -> usize {
    ring[&holder].lines(file).len()
}

#[test]
fn the_signing_key_is_replaced_in_three_steps() {
    let (mut ring, start) = (full(), SystemTime::now());
    let step = |ring: &mut Ring, step, minutes: u32| {
        rotate(
            ring,
            What::Signing,
            step,
            &at(start + minutes * MINUTE, None),
        )
    };
    let old = signing_keys(&ring, "p").unwrap()[0].id().to_owned();
    step(&mut ring, Step::Add, 0).unwrap();
    assert_eq!(count(&ring, Holder::Gateway, file::TRUSTED), 2);
    let keys = signing_keys(&ring, "p").unwrap();
    assert_eq!(keys[0].id(), old);
    let new = keys[1].id().to_owned();
    // Again: it is done.
    let before = ring.clone();
    step(&mut ring, Step::Add, 5).unwrap();
    assert_eq!(ring, before);

    let error = step(&mut ring, Step::Use, 1).unwrap_err().to_string();
    assert!(error.contains("wait 6"), "{error}");
    step(&mut ring, Step::Use, 3).unwrap();
    assert_eq!(signing_keys(&ring, "p").unwrap()[0].id(), new);
    assert_eq!(count(&ring, Holder::Gateway, file::TRUSTED), 2);
    assert!(
        step(&mut ring, Step::Add, 9).is_err(),
        "the old one is there"
    );

    assert!(step(&mut ring, Step::Drop, 4).is_err(), "too early");
    step(&mut ring, Step::Drop, 6).unwrap();
    let keys = signing_keys(&ring, "p").unwrap();
    assert_eq!((keys.len(), keys[0].id()), (1, &*new));
    assert_eq!(
        ring[&Holder::Gateway].lines(file::TRUSTED),
        [keys[0].public_text()]
    );
    assert!(!ring[&Holder::Operator].notes.contains_key(&old));
    // And the next one.
    step(&mut ring, Step::Add, 60).unwrap();
    assert_eq!(signing_keys(&ring, "p").unwrap()[0].id(), new);
}

#[test]
fn the_sealing_key_is_replaced_in_three_steps() {
    let (mut ring, start) = (full(), SystemTime::now());
    let step = |ring: &mut Ring, step, minutes: u32| {
        rotate(
            ring,
            What::Sealing,
            step,
            &at(start + minutes * MINUTE, None),
        )
        .unwrap();
    };
    let sealed_to = |ring: &Ring| {
        ring[&Holder::Operator]
            .text(file::SEALING)
            .trim()
            .to_owned()
    };
    let old = sealed_to(&ring);
    step(&mut ring, Step::Add, 0);
    assert_eq!(sealed_to(&ring), old);
    let new = sealing_keys(&ring, "p").unwrap()[1].text();
    step(&mut ring, Step::Use, 3);
    assert_eq!(sealed_to(&ring), new);
    assert_eq!(count(&ring, Holder::Gateway, file::OPENING), 2);
    step(&mut ring, Step::Drop, 6);
    assert_eq!(count(&ring, Holder::Gateway, file::OPENING), 1);
    assert_eq!(sealed_to(&ring), new);
}

#[test]
fn all_nats_users_are_replaced_in_three_steps() {
    let (mut ring, start) = (full(), SystemTime::now());
    let mut admitted = Vec::new();
    for (step, minutes) in [(Step::Add, 0), (Step::Use, 3), (Step::Drop, 6)] {
        rotate(
            &mut ring,
            What::Nats,
            step,
            &at(start + minutes * MINUTE, None),
        )
        .unwrap();
        let accounts = ring[&Holder::Nats].text(file::ACCOUNTS);
        admitted.push(accounts.matches("nkey:").count());
        for (holder, file) in What::Nats.places() {
            for key in ring[holder].lines(file) {
                assert!(accounts.contains(&What::Nats.id(key).unwrap()));
            }
        }
    }
    assert_eq!(admitted, [10, 10, 5]);
}

#[test]
fn a_step_waits_for_gateways_and_operator() {
    let (mut ring, now) = (full(), SystemTime::now());
    rotate(&mut ring, What::Signing, Step::Add, &at(now, None)).unwrap();
    let keys = signing_keys(&ring, "p").unwrap();
    let (old, new) = (keys[0].id(), keys[1].id());
    let later = now + 5 * MINUTE;
    let adoption = |signing: &str, have: usize, current: usize| Adoption {
        at: later,
        signing: signing.to_owned(),
        sealing: String::new(),
        gateways: 3,
        current,
        trusted: BTreeMap::from([(new.to_owned(), have)]),
        opening: BTreeMap::new(),
    };
    let said = |ring: &mut Ring, step, adoption: Adoption| {
        let result = rotate(ring, What::Signing, step, &at(later, Some(&adoption)));
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let before = ring.clone();
    let refused = said(&mut ring, Step::Use, adoption(old, 2, 3));
    assert!(
        refused.starts_with("2 of 3 gateways have the new key"),
        "{refused}"
    );
    assert_eq!(ring, before);
    assert_eq!(said(&mut ring, Step::Use, adoption(old, 3, 3)), "");

    let much_later = later + 5 * MINUTE;
    let said = |ring: &mut Ring, adoption: Adoption| {
        let result = rotate(
            ring,
            What::Signing,
            Step::Drop,
            &at(much_later, Some(&adoption)),
        );
        result
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    let refused = said(&mut ring, adoption(old, 3, 3));
    assert!(refused.contains("still uses the key"), "{refused}");
    let refused = said(&mut ring, adoption(new, 3, 1));
    assert!(refused.starts_with("1 of 3 gateways enforce"), "{refused}");
    assert_eq!(said(&mut ring, adoption(new, 3, 3)), "");
}

#[test]
fn a_key_that_was_lost_is_trusted_no_more_after_drop() {
    let (mut ring, now) = (full(), SystemTime::now());
    ring.remove(&Holder::Operator);
    let wanted = Wanted {
        prefix: "p".to_owned(),
        nats_names: vec!["localhost".to_owned()],
        webhook_names: Vec::new(),
    };
    complete(&mut ring, &wanted, now).unwrap();
    assert_eq!(count(&ring, Holder::Gateway, file::TRUSTED), 2);
    rotate(&mut ring, What::Signing, Step::Drop, &at(now, None)).unwrap();
    let key = signing_keys(&ring, "p").unwrap()[0].public_text();
    assert_eq!(ring[&Holder::Gateway].lines(file::TRUSTED), [key]);
}

#[test]
fn steps_out_of_order_change_nothing() {
    let now = SystemTime::now();
    for what in [What::Signing, What::Sealing, What::Nats] {
        let mut ring = full();
        let before = ring.clone();
        assert!(rotate(&mut ring, what, Step::Use, &at(now, None)).is_err());
        rotate(&mut ring, what, Step::Drop, &at(now, None)).unwrap();
        assert_eq!(ring, before, "{what:?}");
        rotate(&mut ring, what, Step::Add, &at(now, None)).unwrap();
        assert!(rotate(&mut ring, what, Step::Drop, &at(now + 9 * MINUTE, None)).is_err());
    }
    let nothing = rotate(&mut Ring::new(), What::Signing, Step::Add, &at(now, None));
    assert!(nothing.unwrap_err().to_string().contains("keys ensure"));
}
