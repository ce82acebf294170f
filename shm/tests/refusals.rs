//! Hostile and wrong files: each is refused with its own error, and none is harmed or followed.

#![deny(unsafe_code)]

#[path = "refusals/descriptors.rs"]
mod descriptors;
#[path = "refusals/files.rs"]
mod files;
mod party;
#[path = "refusals/rights.rs"]
mod rights;
#[path = "refusals/segments.rs"]
mod segments;

use ringway_shm::{
    Access, Blueprint, CreateError, Lifetime, Name, NameError, OpenError, Permissions, Region, layout,
};

/// A region that stays, so that its file can be tampered with between parties.
fn blueprint() -> Blueprint {
    let blueprint = Blueprint::new(0x7265_6675, 1).lifetime(Lifetime::UntilUnlinked);
    blueprint.section(layout::FIRST_OWN, 2 * layout::PAGE).unwrap()
}

fn create(name: Name) -> Region {
    Region::create(name, &blueprint(), Permissions::default()).unwrap()
}

fn open(name: &Name) -> Result<Region, OpenError> {
    Region::open(name.clone(), &blueprint().expected(), Access::default())
}

fn open_reading(name: &Name) -> Result<Region, OpenError> {
    let access = Access { read_only: true, ..Access::default() };
    Region::open(name.clone(), &blueprint().expected(), access)
}

fn open_or_create(name: &Name) -> Result<Region, CreateError> {
    Region::open_or_create(name.clone(), &blueprint(), Permissions::default())
}

#[test]
fn what_is_no_name_is_refused() {
    let refused = [
        ("", NameError::Empty),
        ("/", NameError::Character { at: 0, found: '/' }),
        ("..", NameError::Character { at: 0, found: '.' }),
        ("a/../b", NameError::Character { at: 1, found: '/' }),
        ("-a", NameError::Character { at: 0, found: '-' }),
        ("_a", NameError::Character { at: 0, found: '_' }),
        ("a b", NameError::Character { at: 1, found: ' ' }),
        ("a\0", NameError::Character { at: 1, found: '\0' }),
        ("a\n", NameError::Character { at: 1, found: '\n' }),
        ("naïve", NameError::Character { at: 2, found: 'ï' }),
    ];
    for (text, error) in refused {
        assert_eq!(Name::new(text), Err(error), "{text:?}");
        assert_eq!(Name::machine(text), Err(error), "{text:?}");
        assert_eq!(Name::of_user(text, 0), Err(error), "{text:?}");
        assert_eq!(Name::try_from(text), Err(error), "{text:?}");
    }
    let len = ringway_shm::NAME_LEN_MAX + 1;
    assert_eq!(Name::new(&"a".repeat(len)), Err(NameError::TooLong { len }));
}

#[test]
fn the_longest_name_works() {
    let mut text = party::fresh_name("longest").text().to_owned();
    text.extend(std::iter::repeat_n('x', ringway_shm::NAME_LEN_MAX - text.len()));
    let tidy = party::Tidy(Name::new(&text).unwrap());
    let region = create(tidy.name());
    assert_eq!(open(&tidy.0).unwrap().geometry(), region.geometry());
    assert!(ringway_shm::list().unwrap().iter().any(|entry| entry.name == tidy.0));
}

#[test]
fn the_same_text_in_two_namespaces_is_two_names() {
    let text = party::fresh_name("spaces").text().to_owned();
    let user = rustix::process::geteuid().as_raw();
    let names = [Name::new(&text), Name::machine(&text), Name::of_user(&text, user.wrapping_add(1))];
    let tidies = names.map(|name| party::Tidy(name.unwrap()));
    let regions: Vec<Region> = tidies.iter().map(|tidy| create(tidy.name())).collect();
    for (tidy, region) in tidies.iter().zip(&regions) {
        assert_eq!(open(&tidy.0).unwrap().geometry(), region.geometry());
    }
    assert_ne!(regions[0].geometry().identity, regions[1].geometry().identity);
    assert_eq!(Name::of_user(&text, user), Name::new(&text));
}
