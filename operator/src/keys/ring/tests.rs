use std::time::Duration;

use super::users::{USERS, nats_users};
use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn wanted() -> Wanted {
    Wanted {
        prefix: "p".to_owned(),
        nats_names: vec!["p-nats.ns.svc".to_owned(), "localhost".to_owned()],
        webhook_names: Vec::new(),
    }
}

fn completed() -> Ring {
    let mut ring = Ring::new();
    complete(&mut ring, &wanted(), SystemTime::now()).unwrap();
    ring
}

/// The names of the files that differ, as `holder/file`.
fn changed(before: &Ring, after: &Ring) -> Vec<String> {
    let mut changed = Vec::new();
    for (holder, contents) in after {
        for (file, text) in &contents.files {
            if before.get(holder).and_then(|held| held.files.get(file)) != Some(text) {
                changed.push(format!("{holder:?}/{file}"));
            }
        }
    }
    changed
}

#[test]
fn everything_is_made_fits_and_is_left_alone_from_then_on() {
    let ring = completed();
    assert!(ring.keys().eq(&Holder::ALL[..5]));
    let signing = signing_keys(&ring, "p").unwrap();
    assert_eq!(
        ring[&Holder::Gateway].lines(file::TRUSTED),
        [signing[0].public_text()]
    );
    let sealing = sealing_keys(&ring, "p").unwrap();
    assert_eq!(
        ring[&Holder::Operator].lines(file::SEALING),
        [sealing[0].text()]
    );
    for (holder, file, _) in USERS {
        let user = &nats_users(&ring, "p", holder, file).unwrap()[0].public;
        assert!(ring[&Holder::Nats].text(file::ACCOUNTS).contains(user));
        assert_eq!(
            ring[&holder].text(file::CA).trim(),
            ring[&Holder::Authority].text(file::CA).trim()
        );
    }
    // What must not meet: private halves on the other side, and the authority's key anywhere.
    assert!(!ring[&Holder::Operator].files.contains_key(file::OPENING));
    assert!(!ring[&Holder::Gateway].files.contains_key(file::SIGNING));
    assert!(!ring[&Holder::Nats].files.contains_key(file::CA_KEY));
    let mut again = ring.clone();
    complete(&mut again, &wanted(), SystemTime::now() + 30 * DAY).unwrap();
    assert_eq!(ring, again);
    let shown = format!("{ring:?}");
    for contents in ring.values() {
        for text in contents.files.values() {
            assert!(!shown.contains(text.trim()));
        }
    }
}

#[test]
fn without_a_nats_of_our_own_there_is_nothing_for_it() {
    let mut ring = Ring::new();
    let wanted = Wanted {
        nats_names: Vec::new(),
        ..wanted()
    };
    complete(&mut ring, &wanted, SystemTime::now()).unwrap();
    assert!(ring.keys().eq(&[Holder::Operator, Holder::Gateway]));
    assert!(!ring[&Holder::Gateway].files.contains_key(file::NATS));
    assert!(!ring[&Holder::Gateway].files.contains_key(file::CA));
}

#[test]
fn a_lost_secret_is_made_anew_and_the_others_follow() {
    let full = completed();
    let rows: [(Holder, &[&str]); 5] = [
        (
            Holder::Operator,
            &[
                "Operator/ca.crt",
                "Operator/digest",
                "Operator/nats.nk",
                "Operator/sealing",
                "Operator/signing",
                "Operator/traces.nk",
                // Both: what is published was signed with the key that is lost.
                "Gateway/trusted",
                "Nats/accounts.conf",
            ],
        ),
        (
            Holder::Gateway,
            &[
                "Operator/sealing",
                "Gateway/ca.crt",
                "Gateway/nats.nk",
                "Gateway/opening",
                "Gateway/traces.nk",
                "Gateway/trusted",
                "Nats/accounts.conf",
            ],
        ),
        (
            Holder::Forwarder,
            &[
                "Forwarder/ca.crt",
                "Forwarder/nats.nk",
                "Nats/accounts.conf",
            ],
        ),
        (
            Holder::Nats,
            &[
                "Nats/accounts.conf",
                "Nats/ca.crt",
                "Nats/tls.crt",
                "Nats/tls.key",
            ],
        ),
        // It is needed again when there is something to sign.
        (Holder::Authority, &[]),
    ];
    for (lost, expected) in rows {
        let mut left = full.clone();
        left.remove(&lost);
        let mut ring = left.clone();
        complete(&mut ring, &wanted(), SystemTime::now()).unwrap();
        let changed: Vec<_> = changed(&left, &ring);
        // An accounts.conf that says the same again is no change.
        assert_eq!(changed, expected, "{lost:?} was lost");
    }
    let mut ring = full.clone();
    ring.remove(&Holder::Operator);
    complete(&mut ring, &wanted(), SystemTime::now()).unwrap();
    assert_eq!(ring[&Holder::Gateway].lines(file::TRUSTED).len(), 2);
}

#[test]
fn certificates_are_renewed_in_time_and_when_names_are_added() {
    let ring = completed();
    let of_server = ["Nats/tls.crt", "Nats/tls.key"];
    let mut later = ring.clone();
    complete(&mut later, &wanted(), SystemTime::now() + 729 * DAY).unwrap();
    assert_eq!(changed(&ring, &later), [""; 0]);
    complete(&mut later, &wanted(), SystemTime::now() + 732 * DAY).unwrap();
    assert_eq!(changed(&ring, &later), of_server);
    let mut renamed = ring.clone();
    let mut more = wanted();
    more.nats_names.push("nats.example.com".to_owned());
    complete(&mut renamed, &more, SystemTime::now()).unwrap();
    assert_eq!(changed(&ring, &renamed), of_server);

    more.webhook_names.push("p-webhook.ns.svc".to_owned());
    complete(&mut renamed, &more, SystemTime::now()).unwrap();
    assert_eq!(
        renamed[&Holder::Webhook].text(file::CA).trim(),
        ring[&Holder::Authority].text(file::CA).trim()
    );

    // Without its authority a new one signs, and the old one counts until nobody needs it.
    let mut orphan = ring.clone();
    orphan.remove(&Holder::Authority);
    complete(&mut orphan, &wanted(), SystemTime::now() + 800 * DAY).unwrap();
    for holder in [
        Holder::Operator,
        Holder::Gateway,
        Holder::Forwarder,
        Holder::Nats,
    ] {
        let authorities = orphan[&holder].text(file::CA);
        assert_eq!(
            authorities.matches("BEGIN CERTIFICATE").count(),
            2,
            "{holder:?}"
        );
        assert!(authorities.contains(orphan[&Holder::Authority].text(file::CA).trim()));
    }
    // A key that was put away on purpose is not replaced behind anybody's back.
    let mut locked = ring.clone();
    if let Some(authority) = locked.get_mut(&Holder::Authority) {
        authority.files.remove(file::CA_KEY);
    }
    complete(&mut locked.clone(), &wanted(), SystemTime::now()).unwrap();
    let error = complete(&mut locked, &more, SystemTime::now()).unwrap_err();
    assert!(matches!(error, RingError::NoAuthorityKey(_)), "{error}");
}

#[test]
fn what_is_no_key_is_named_and_not_shown() {
    for (holder, file) in [
        (Holder::Operator, file::SIGNING),
        (Holder::Operator, file::DIGEST),
        (Holder::Operator, file::NATS),
        (Holder::Gateway, file::TRACES),
        (Holder::Forwarder, file::NATS),
        (Holder::Gateway, file::OPENING),
        (Holder::Gateway, file::TRUSTED),
    ] {
        let mut ring = completed();
        if let Some(contents) = ring.get_mut(&holder) {
            contents.set(file, "hush-hush");
        }
        let error = complete(&mut ring, &wanted(), SystemTime::now()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains(file) && error.contains(&holder.secret("p")),
            "{error}"
        );
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn an_installation_from_before_traces_gets_what_is_missing_and_keeps_the_rest() {
    let full = completed();
    let mut before = full.clone();
    before.remove(&Holder::Forwarder);
    for holder in [Holder::Operator, Holder::Gateway] {
        if let Some(contents) = before.get_mut(&holder) {
            contents.files.remove(file::TRACES);
        }
    }
    let mut after = before.clone();
    complete(&mut after, &wanted(), SystemTime::now()).unwrap();
    assert_eq!(
        changed(&before, &after),
        [
            "Operator/traces.nk",
            "Gateway/traces.nk",
            "Forwarder/ca.crt",
            "Forwarder/nats.nk",
            "Nats/accounts.conf"
        ]
    );
    // Who was admitted still is.
    let accounts = after[&Holder::Nats].text(file::ACCOUNTS);
    for holder in [Holder::Operator, Holder::Gateway] {
        let user = &nats_users(&full, "p", holder, file::NATS).unwrap()[0].public;
        assert!(accounts.contains(user));
    }
}
