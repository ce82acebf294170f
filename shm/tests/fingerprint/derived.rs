//! `#[derive(Fingerprint)]`: each test changes one thing about the same struct.

#![allow(dead_code)] // because a fingerprint reads the declaration, and nobody reads the fields.

use std::marker::PhantomData;

use ringway_shm::fingerprint::{Fingerprint, Hash};

#[derive(Fingerprint)]
#[repr(C)]
struct Order {
    id: u64,
    price: f64,
    legs: [u32; 4],
}

#[test]
fn the_name_of_the_type_does_not_count() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Renamed {
        id: u64,
        price: f64,
        legs: [u32; 4],
    }
    assert_eq!(Renamed::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn what_is_mixed_in_is_what_the_module_draws() {
    let drawn = Hash::new()
        .bytes(b"struct")
        .layout::<Order>()
        .bytes(b"")
        .number(3)
        .field("id", 0, u64::FINGERPRINT)
        .field("price", 8, f64::FINGERPRINT)
        .field("legs", 16, <[u32; 4]>::FINGERPRINT)
        .finish();
    assert_eq!(Order::FINGERPRINT, drawn);
}

#[test]
fn a_renamed_field_counts() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Changed {
        key: u64,
        price: f64,
        legs: [u32; 4],
    }
    assert_ne!(Changed::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn the_order_of_the_fields_counts() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Changed {
        price: f64,
        id: u64,
        legs: [u32; 4],
    }
    assert_ne!(Changed::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn the_order_counts_even_where_no_byte_moves() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Before {
        left: [u8; 0],
        right: [u8; 0],
    }
    #[derive(Fingerprint)]
    #[repr(C)]
    struct After {
        right: [u8; 0],
        left: [u8; 0],
    }
    assert_ne!(Before::FINGERPRINT, After::FINGERPRINT);
}

#[test]
fn the_type_of_a_field_counts() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Changed {
        id: i64,
        price: f64,
        legs: [u32; 4],
    }
    assert_ne!(Changed::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn the_length_of_an_array_counts() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Changed {
        id: u64,
        price: f64,
        legs: [u32; 6],
    }
    assert_ne!(Changed::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn the_alignment_counts_even_where_no_byte_moves() {
    #[derive(Fingerprint)]
    #[repr(C, align(16))]
    struct Changed {
        id: u64,
        price: f64,
        legs: [u32; 4],
    }
    assert_eq!(size_of::<Changed>(), size_of::<Order>());
    assert_ne!(Changed::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn an_offset_counts() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Spread {
        side: u8,
        quantity: u32,
    }
    #[derive(Fingerprint)]
    #[repr(C, packed)]
    struct Packed {
        side: u8,
        quantity: u32,
    }
    assert_ne!(Spread::FINGERPRINT, Packed::FINGERPRINT);
}

#[test]
fn a_salt_counts() {
    #[derive(Fingerprint)]
    #[repr(C)]
    #[fingerprint(salt = "orders v2")]
    struct Second {
        id: u64,
        price: f64,
        legs: [u32; 4],
    }
    #[derive(Fingerprint)]
    #[repr(C)]
    #[fingerprint(salt = "orders v3")]
    struct Third {
        id: u64,
        price: f64,
        legs: [u32; 4],
    }
    assert_ne!(Second::FINGERPRINT, Order::FINGERPRINT);
    assert_ne!(Second::FINGERPRINT, Third::FINGERPRINT);
}

#[test]
fn a_change_in_a_nested_struct_reaches_the_outer_one() {
    mod before {
        use super::Fingerprint;
        #[derive(Fingerprint)]
        #[repr(C)]
        pub(super) struct Inner {
            bid: f64,
        }
        #[derive(Fingerprint)]
        #[repr(C)]
        pub(super) struct Outer {
            levels: [Inner; 2],
        }
    }
    mod after {
        use super::Fingerprint;
        #[derive(Fingerprint)]
        #[repr(C)]
        pub(super) struct Inner {
            ask: f64,
        }
        #[derive(Fingerprint)]
        #[repr(C)]
        pub(super) struct Outer {
            levels: [Inner; 2],
        }
    }
    assert_ne!(before::Outer::FINGERPRINT, after::Outer::FINGERPRINT);
}

#[test]
fn the_parameters_of_a_generic_struct_count() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Batch<T, const LENGTH: usize = 4>
    where
        T: Copy,
    {
        count: u64,
        items: [T; LENGTH],
    }
    #[derive(Fingerprint)]
    #[repr(transparent)]
    struct Key<T> {
        number: u64,
        of: PhantomData<T>,
    }

    assert_eq!(Batch::<u32>::FINGERPRINT, Batch::<u32, 4>::FINGERPRINT);
    assert_ne!(Batch::<u32, 4>::FINGERPRINT, Batch::<i32, 4>::FINGERPRINT);
    assert_ne!(Batch::<u32, 4>::FINGERPRINT, Batch::<u32, 6>::FINGERPRINT);
    assert_ne!(Key::<Order>::FINGERPRINT, Key::<Batch<u8>>::FINGERPRINT);
}

#[test]
fn a_lifetime_is_carried() {
    /// A type that borrows nothing but the name of its session, with a fingerprint by hand.
    #[repr(transparent)]
    struct Token<'session>(u64, PhantomData<&'session ()>);

    impl Fingerprint for Token<'_> {
        const FINGERPRINT: u128 = Hash::new().bytes(b"token").fingerprint(u64::FINGERPRINT).finish();
    }

    #[derive(Fingerprint)]
    #[repr(C)]
    struct Request<'session> {
        token: Token<'session>,
    }

    assert_ne!(Request::FINGERPRINT, Token::FINGERPRINT);
}

#[test]
fn the_fields_of_a_tuple_struct_are_named_by_their_numbers() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Pair(u64, f64);

    let drawn = Hash::new()
        .bytes(b"struct")
        .layout::<Pair>()
        .bytes(b"")
        .number(2)
        .field("0", 0, u64::FINGERPRINT)
        .field("1", 8, f64::FINGERPRINT)
        .finish();
    assert_eq!(Pair::FINGERPRINT, drawn);
}

#[test]
fn a_struct_without_fields_has_a_fingerprint() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Tick;
    #[derive(Fingerprint)]
    #[repr(C)]
    #[fingerprint(salt = "tock")]
    struct Tock {}

    assert_ne!(Tick::FINGERPRINT, Tock::FINGERPRINT);
    assert_ne!(Tick::FINGERPRINT, <()>::FINGERPRINT);
}

#[test]
fn a_wrapper_is_not_what_it_wraps() {
    #[derive(Fingerprint)]
    #[repr(transparent)]
    struct Wrapped(u64);
    assert_ne!(Wrapped::FINGERPRINT, u64::FINGERPRINT);
}

#[test]
fn a_keyword_as_a_name_counts_without_its_mark() {
    #[derive(Fingerprint)]
    #[repr(C)]
    struct Message {
        r#type: u32,
    }
    let drawn = Hash::new()
        .bytes(b"struct")
        .layout::<Message>()
        .bytes(b"")
        .number(1)
        .field("type", 0, u32::FINGERPRINT)
        .finish();
    assert_eq!(Message::FINGERPRINT, drawn);
}

#[test]
fn a_struct_written_by_a_macro_agrees_with_one_written_out() {
    macro_rules! declare {
        ($name:ident { $($field:ident: $kind:ty,)* }) => {
            #[derive(Fingerprint)]
            #[repr(C)]
            struct $name { $($field: $kind,)* }
        };
    }
    declare! { Declared { id: u64, price: f64, legs: [u32; 4], } }
    assert_eq!(Declared::FINGERPRINT, Order::FINGERPRINT);
}

#[test]
fn the_derive_of_the_facade_implements_the_same_trait() {
    /// As in a crate that depends on the facade only.
    mod user {
        use ringway::fingerprint::Fingerprint;
        #[derive(Fingerprint)]
        #[repr(C)]
        pub(super) struct Order {
            id: u64,
            price: f64,
            legs: [u32; 4],
        }
        pub(super) const ORDER: u128 = Order::FINGERPRINT;
    }
    assert_eq!(user::ORDER, Order::FINGERPRINT);
}

#[test]
fn a_crate_given_by_path_implements_the_same_trait() {
    #[derive(Fingerprint)]
    #[repr(C)]
    #[fingerprint(crate = "crate")]
    struct Renamed {
        id: u64,
        price: f64,
        legs: [u32; 4],
    }
    assert_eq!(Renamed::FINGERPRINT, Order::FINGERPRINT);
}
