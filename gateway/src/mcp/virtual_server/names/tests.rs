use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

type Member = (&'static str, Option<&'static str>);

fn names(members: &[Member]) -> Names {
    Names::new(members.iter().copied())
}

/// A name with its hash replaced by `#`.
fn shape(name: &str) -> String {
    if is_hashed(name) {
        format!("{}#", &name[..name.len() - HASH])
    } else {
        name.to_owned()
    }
}

#[test]
fn names_are_readable_and_end_in_a_hash_where_they_must() {
    let long = "a".repeat(70);
    let (one, two): (&[Member], &[Member]) =
        (&[("github", None)], &[("github", None), ("jira", Some(""))]);
    let same: &[Member] = &[("a", Some("x")), ("b", Some("x"))];
    let nested: &[Member] = &[("a", None), ("b", Some("a_b"))];
    let bare: &[Member] = &[("a", Some("")), ("b", Some(""))];
    let rows: &[(&[Member], usize, &str, &str)] = &[
        // A single member keeps its names.
        (one, 0, "create_issue", "create_issue"),
        (one, 0, "create_repository", "create_repository"),
        (one, 0, "files.read", "files_read_#"),
        (one, 0, "größe", "gr__e_#"),
        (one, 0, "", "_#"),
        (one, 0, "x_0123456789ab", "x_0123456789ab_#"),
        (&[("github", Some("gh"))], 0, "get", "gh_get"),
        // Several have prefixes.
        (two, 0, "get", "github_get"),
        (two, 1, "get", "get"),
        (two, 1, "github_get", "github_get_#"),
        (&[("a.b.c", None), ("d", None)], 0, "get", "a_b_c_get"),
        // What two could have neither has.
        (same, 0, "get", "x_get_#"),
        (same, 1, "get", "x_get_#"),
        (bare, 0, "get", "get_#"),
        (nested, 0, "b_c", "a_b_c_#"),
        (nested, 0, "c", "a_c"),
        (nested, 1, "c", "a_b_c"),
    ];
    for (members, member, own, expected) in rows {
        let name = names(members).of(*member, own);
        assert_eq!(shape(&name), *expected, "{members:?} {own}");
    }
    for members in [one, two] {
        let name = names(members).of(0, &long);
        assert_eq!(name.len(), MOST);
        assert!(is_hashed(&name));
    }
    let server = "s".repeat(60);
    let far = Names::new([(server.as_str(), None), ("b", None)]);
    let name = far.of(0, "get");
    assert!(name.len() <= MOST && name.ends_with("_get"), "{name}");
    assert_eq!(names(one).of(7, "get"), "");
}

/// The hash is part of what clients and rules rely on: it never changes.
#[test]
fn a_hash_is_what_it_always_was() {
    assert_eq!(names(&[("github", None)]).of(0, "files.read"), HASHED);
}

const HASHED: &str = "files_read_14e8e1c0431b";

#[test]
fn a_name_leads_back_to_its_member_and_never_by_its_separators() {
    let all = names(&[("a", None), ("b", Some("a_b")), ("c", Some(""))]);
    let rows = [
        ("a_c_d", Some((0, "c_d"))),
        ("a_b_c", Some((1, "c"))),
        ("a_b", Some((0, "b"))),
        ("get_a", Some((2, "get_a"))),
        // Names that the members would call otherwise.
        ("a_", None),
        ("a_c.d", None),
        ("", None),
        ("c_0123456789ab", None),
    ];
    for (name, expected) in rows {
        assert_eq!(all.resolve(name), expected, "{name}");
    }
    assert_eq!(all.candidates("a_b_x_0123456789ab"), [0, 1, 2]);
    assert_eq!(all.candidates("a_x_0123456789ab"), [0, 2]);
    assert!(all.candidates("a_x").is_empty());
}

#[test]
fn the_order_of_members_changes_no_name() {
    let members: [Member; 4] = [
        ("a", None),
        ("b", Some("a_b")),
        ("c", Some("")),
        ("d", Some("")),
    ];
    let mut turned = members;
    turned.reverse();
    let (one, other) = (names(&members), names(&turned));
    for own in ["get", "b_get", "a_get", "x.y"] {
        for index in 0..members.len() {
            assert_eq!(one.of(index, own), other.of(members.len() - 1 - index, own));
        }
    }
}

fn any_members() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
    let prefix = prop::option::of("[a_]{0,4}");
    prop::collection::hash_map("[a.]{1,40}", prefix, 1..5)
        .prop_map(|members| members.into_iter().collect())
}

proptest! {
    /// Whatever servers and tools are called: valid names, each of one tool, that lead back to it.
    #[test]
    fn every_name_is_one_tools(
        members in any_members(),
        own in prop::collection::hash_set("[a_.é]{0,70}|(a_){0,3}[0-9a-f]{12}", 1..20),
    ) {
        let pairs = members.iter().map(|(server, prefix)| (server.as_str(), prefix.as_deref()));
        let names = Names::new(pairs);
        let mut seen = HashMap::new();
        for member in 0..members.len() {
            for own in &own {
                let name = names.of(member, own);
                prop_assert!((1..=MOST).contains(&name.len()), "{name}");
                prop_assert!(name.chars().all(|char| allowed(char) == char), "{name}");
                if is_hashed(&name) {
                    prop_assert!(names.candidates(&name).contains(&member), "{name}");
                    prop_assert_eq!(names.resolve(&name), None);
                } else {
                    prop_assert_eq!(names.resolve(&name), Some((member, own.as_str())), "{}", name);
                }
                let before = seen.insert(name.clone(), (member, own));
                prop_assert_eq!(before, None, "{}", name);
            }
        }
    }
}
