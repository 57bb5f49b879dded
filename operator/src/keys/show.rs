//! What there is, for people: ids, ages, uses, and how long certificates are good. Never a key.

use std::io::Write;
use std::time::{Duration, SystemTime};

use super::adoption::Adoption;
use super::certificate::good_until;
use super::ring::{Contents, Holder, Ring, RingError, file};
use super::rotate::What;

/// Writes a line for each key and certificate.
///
/// # Errors
/// When a key is none, or nothing can be written.
pub(super) fn show(
    ring: &Ring,
    prefix: &str,
    adoption: Option<&Adoption>,
    now: SystemTime,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for (what, holder, file) in [
        (What::Signing, Holder::Operator, file::SIGNING),
        (What::Sealing, Holder::Gateway, file::OPENING),
        (What::Nats, Holder::Operator, file::NATS),
        (What::Nats, Holder::Gateway, file::NATS),
        (What::Nats, Holder::Operator, file::TRACES),
        (What::Nats, Holder::Gateway, file::TRACES),
        (What::Nats, Holder::Forwarder, file::NATS),
    ] {
        let Some(contents) = ring.get(&holder) else {
            writeln!(out, "{}: missing", holder.secret(prefix))?;
            continue;
        };
        for (index, key) in contents.lines(file).into_iter().enumerate() {
            let id = what.id(key).map_err(|error| RingError::Key {
                secret: holder.secret(prefix),
                file,
                error,
            })?;
            let described = describe(contents, &id, index, now);
            let had = adoption.map(|adoption| had(adoption, what, &id));
            let secret = holder.secret(prefix);
            writeln!(
                out,
                "{secret}/{file} {id}: {described}{}",
                had.unwrap_or_default()
            )?;
        }
    }
    for (holder, name) in [
        (Holder::Nats, format!("{prefix}-nats")),
        (Holder::Webhook, format!("{prefix}-webhook")),
    ] {
        let Some(contents) = ring.get(&holder) else {
            continue;
        };
        let names = [name.clone(), "localhost".to_owned()];
        let good = names.iter().find_map(|name| {
            let authorities = contents.text(file::CA);
            good_until(authorities, contents.text(file::CERTIFICATE), name, now)
        });
        let secret = holder.secret(prefix);
        match good {
            Some(until) => writeln!(
                out,
                "{secret}/{}: good for {} more",
                file::CERTIFICATE,
                span(until.duration_since(now).unwrap_or_default())
            )?,
            None => writeln!(out, "{secret}/{}: NOT GOOD", file::CERTIFICATE)?,
        }
    }
    if let Some(adoption) = adoption {
        writeln!(
            out,
            "{} of {} gateways enforce what was published with the keys in use",
            adoption.current, adoption.gateways
        )?;
    }
    Ok(())
}

fn describe(contents: &Contents, id: &str, index: usize, now: SystemTime) -> String {
    let note = contents.notes.get(id);
    let ago = |time: SystemTime| span(now.duration_since(time).unwrap_or_default());
    let made = note.map_or_else(
        || "made nobody knows when".to_owned(),
        |note| format!("made {} ago", ago(note.made)),
    );
    let since = note.and_then(|note| note.first);
    match (index, since) {
        (0, Some(since)) => format!("in use for {}, {made}", ago(since)),
        (0, None) => format!("in use, {made}"),
        (_, None) => format!("new, not in use yet, {made}"),
        (_, Some(_)) => format!("old, not in use any more, {made}"),
    }
}

/// What operator and gateways say about a key.
fn had(adoption: &Adoption, what: What, id: &str) -> String {
    let counts = match what {
        What::Signing => &adoption.trusted,
        What::Sealing => &adoption.opening,
        What::Nats => return String::new(),
    };
    let have = counts.get(id).copied().unwrap_or_default();
    format!("; {have} of {} gateways have it", adoption.gateways)
}

/// In the largest unit that fits.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::ring::{Wanted, complete, signing_keys};
    use super::super::rotate::{Circumstances, Step, rotate};
    use super::*;

    #[test]
    fn every_key_is_named_with_its_age_and_none_is_shown() {
        let (mut ring, start) = (Ring::new(), SystemTime::now());
        let wanted = Wanted {
            prefix: "p".to_owned(),
            nats_names: vec!["p-nats".to_owned()],
            webhook_names: vec!["p-webhook.ns.svc".to_owned(), "p-webhook".to_owned()],
        };
        complete(&mut ring, &wanted, start).unwrap();
        let with = Circumstances {
            prefix: "p",
            now: start + Duration::from_secs(3_600),
            after: Duration::ZERO,
            adoption: None,
        };
        rotate(&mut ring, What::Signing, Step::Add, &with).unwrap();
        let keys = signing_keys(&ring, "p").unwrap();
        let adoption = Adoption {
            at: start,
            signing: keys[0].id().to_owned(),
            sealing: String::new(),
            gateways: 2,
            current: 2,
            trusted: BTreeMap::from([(keys[1].id().to_owned(), 1)]),
            opening: BTreeMap::new(),
        };
        let mut out = Vec::new();
        let now = start + Duration::from_secs(2 * 86_400);
        show(&ring, "p", Some(&adoption), now, &mut out).unwrap();
        let said = String::from_utf8(out).unwrap();
        for expected in [
            format!(
                "p-operator-keys/signing {}: in use for 2 days, made 2 days ago; 0 of 2 gateways have it\n",
                keys[0].id()
            ),
            format!(
                "p-operator-keys/signing {}: new, not in use yet, made 1 day ago; 1 of 2 gateways have it\n",
                keys[1].id()
            ),
            "p-nats-server/tls.crt: good for 109".to_owned(),
            "p-webhook-tls/tls.crt: good for 109".to_owned(),
            "2 of 2 gateways enforce what was published with the keys in use\n".to_owned(),
        ] {
            assert!(said.contains(&expected), "{expected} is not in\n{said}");
        }
        for contents in ring.values() {
            for (file, text) in &contents.files {
                assert!(!said.contains(text.trim()), "{file}");
            }
        }
    }
}
