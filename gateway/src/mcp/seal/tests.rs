use super::*;

fn user(name: &str) -> Subject {
    Subject::User(name.into())
}

fn scope<'a>(purpose: &'static str, server: &'a str, caller: &'a Subject) -> Scope<'a> {
    Scope {
        purpose,
        server,
        caller,
    }
}

#[test]
fn what_is_sealed_opens_for_its_caller_its_server_and_its_purpose_only() {
    let sealer = Sealer::random().unwrap();
    let (ada, bob) = (user("ada"), user("bob"));
    let own = scope("session", "github", &ada);
    let sealed = sealer.seal(own, &"upstream-1").unwrap();
    assert!(sealed.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!sealed.contains("upstream"));
    assert_eq!(sealer.open::<String>(own, &sealed).unwrap(), "upstream-1");
    let account = Subject::VirtualAccount("ada".into());
    for other in [
        scope("session", "github", &bob),
        scope("session", "github", &account),
        scope("session", "jira", &ada),
        scope("event", "github", &ada),
    ] {
        assert_eq!(sealer.open::<String>(other, &sealed), None, "{other:?}");
    }
    let other = Sealer::random().unwrap();
    assert_eq!(other.open::<String>(own, &sealed), None);
}

#[test]
fn what_is_forged_or_cut_does_not_open() {
    let sealer = Sealer::random().unwrap();
    let ada = user("ada");
    let own = scope("session", "github", &ada);
    let sealed = sealer.seal(own, &"upstream-1").unwrap();
    let mut forged = sealed.clone().into_bytes();
    let middle = forged.len() / 2;
    forged[middle] = if forged[middle] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for bad in [
        "",
        "x",
        "upstream-1",
        &forged,
        &sealed[..20],
        &"A".repeat(10_000),
    ] {
        assert_eq!(sealer.open::<String>(own, bad), None, "{bad}");
    }
}

#[test]
fn processes_with_the_same_file_open_each_others_and_keys_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys");
    let line = |byte: u8| STANDARD.encode([byte; KEY_BYTES]);
    std::fs::write(&file, line(1)).unwrap();
    let one = Sealer::from_files(file.clone()).unwrap();
    let other = Sealer::from_files(folder.path().to_path_buf()).unwrap();
    let ada = user("ada");
    let own = scope("session", "github", &ada);
    let before = one.seal(own, &1).unwrap();
    assert_eq!(other.open::<u8>(own, &before), Some(1));
    // The new one comes first; what the old one has sealed still opens.
    std::fs::write(&file, format!("# new\n{}\n{}\n", line(2), line(1))).unwrap();
    one.grow_old();
    let after = one.seal(own, &2).unwrap();
    assert_eq!(one.open::<u8>(own, &before), Some(1));
    assert_eq!(other.open::<u8>(own, &after), None, "not read again yet");
    other.grow_old();
    assert_eq!(other.open::<u8>(own, &after), Some(2));
    // Without a readable file the last keys stay.
    std::fs::write(&file, "nonsense").unwrap();
    other.grow_old();
    assert_eq!(other.open::<u8>(own, &after), Some(2));
    assert!(Sealer::from_files(file).is_err());
}
