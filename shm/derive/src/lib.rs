//! `#[derive(Fingerprint)]`, for types that lie in Ringway regions.
//!
//! Use it through `ringway_shm::fingerprint`, where the trait lives and where the page at the top says what
//! goes into a fingerprint. This crate only reads the declaration and writes the `impl`, in two steps:
//!
//! ```text
//! attributes    is the order of the fields fixed? which salt, which crate?
//! expand        one call of `Hash::field` for each field, or an error that points at the reason
//! ```
//!
//! It computes nothing itself: size, alignment and offsets are known to the compiler, not to a macro, so the
//! `impl` asks for them with `size_of`, `align_of` and `offset_of!`.

#![forbid(unsafe_code)]

mod attributes;
mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, Path, parse_macro_input, parse_quote};

/// Implements `Fingerprint` for a struct, from its fields and its layout.
///
/// The struct may have named fields, numbered fields or none; each field's type needs a fingerprint of its
/// own. Field names, their order, their types, their offsets, the size and the alignment count. The name of the
/// struct does not, nor which of the representations below led to that layout.
///
/// ```
/// use ringway_shm::fingerprint::Fingerprint;
///
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// struct Order {
///     id: u64,
///     price: f64,
///     legs: [Leg; 2],
/// }
///
/// #[derive(Fingerprint)]
/// #[repr(C, align(16))]
/// struct Leg {
///     quantity: u32,
///     venue: [u8; 4],
/// }
///
/// const _: () = assert!(Order::FINGERPRINT != Leg::FINGERPRINT);
/// ```
///
/// A type parameter has to have a fingerprint, and gives it to the fields that use it. Const parameters and
/// lifetimes are carried along; a const parameter that no field uses does not count.
///
/// ```
/// use ringway_shm::fingerprint::Fingerprint;
///
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// struct Batch<T, const LENGTH: usize> {
///     count: u64,
///     items: [T; LENGTH],
/// }
///
/// const _: () = assert!(Batch::<u32, 4>::FINGERPRINT != Batch::<u32, 8>::FINGERPRINT);
/// const _: () = assert!(Batch::<u32, 4>::FINGERPRINT != Batch::<i32, 4>::FINGERPRINT);
/// ```
///
/// # A salt
///
/// `#[fingerprint(salt = "..")]` mixes a text in. It keeps two types apart whose fields are the same, and it
/// is how to say that a field changed its meaning and not its declaration.
///
/// ```
/// use ringway_shm::fingerprint::Fingerprint;
///
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// struct Metres {
///     height: f64,
/// }
///
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// #[fingerprint(salt = "feet")]
/// struct Feet {
///     height: f64,
/// }
///
/// const _: () = assert!(Metres::FINGERPRINT != Feet::FINGERPRINT);
/// ```
///
/// # Through another crate
///
/// The `impl` has to name the trait, and a derive cannot see through which crate it was reached. The derive of
/// `ringway_shm::fingerprint` names `::ringway_shm`; that of the facade `ringway` is a twin which names
/// `::ringway`. So both work as they are, for a user who depends on one of them only. A crate that re-exports
/// either asks its users for `#[fingerprint(crate = "..")]`, the path in which a module `fingerprint` lies:
///
/// ```
/// mod engine {
///     pub use ringway_shm as shared;
/// }
///
/// use engine::shared::fingerprint::Fingerprint;
///
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// #[fingerprint(crate = "crate::engine::shared", salt = "orders v2")]
/// struct Order {
///     id: u64,
/// }
/// # fn main() {}
/// ```
///
/// # Errors
///
/// Each of these is refused by the compiler, with the reason at the place.
///
/// The order of the fields has to be the declared one: without `#[repr(C)]` or `#[repr(transparent)]` the
/// compiler may choose another at each compilation, also when an alignment is given.
///
/// ```compile_fail
/// # use ringway_shm::fingerprint::Fingerprint;
/// #[derive(Fingerprint)]
/// #[repr(align(64))]
/// struct Order {
///     id: u64,
///     price: f64,
/// }
/// ```
///
/// An enum has bit patterns that are no value of it, and a peer can write any. Keep an integer of fixed width
/// in the region and turn it into the enum after reading.
///
/// ```compile_fail
/// # use ringway_shm::fingerprint::Fingerprint;
/// #[derive(Fingerprint)]
/// #[repr(u8)]
/// enum Side {
///     Buy,
///     Sell,
/// }
/// ```
///
/// A union has several readings of the same bytes, and nothing in the region says which is meant.
///
/// ```compile_fail
/// # use ringway_shm::fingerprint::Fingerprint;
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// union Word {
///     number: u64,
///     bytes: [u8; 8],
/// }
/// ```
///
/// A field whose type has no fingerprint, such as a `usize` or a reference, is refused by the trait itself.
///
/// ```compile_fail,E0277
/// # use ringway_shm::fingerprint::Fingerprint;
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// struct Order<'a> {
///     id: u64,
///     symbol: &'a [u8; 8],
/// }
/// ```
///
/// An attribute that would be ignored is an error: a key that does not exist, one given twice, an empty salt,
/// or any on a field.
///
/// ```compile_fail
/// # use ringway_shm::fingerprint::Fingerprint;
/// #[derive(Fingerprint)]
/// #[repr(C)]
/// #[fingerprint(slat = "orders v2")]
/// struct Order {
///     id: u64,
/// }
/// ```
#[proc_macro_derive(Fingerprint, attributes(fingerprint))]
pub fn fingerprint(declaration: TokenStream) -> TokenStream {
    implement(parse_macro_input!(declaration), parse_quote!(::ringway_shm))
}

/// The twin of [`macro@Fingerprint`] that names the trait through `::ringway`.
///
/// The facade exports it under the name `Fingerprint`, in its module `fingerprint`; there is no other use.
#[proc_macro_derive(FingerprintThroughRingway, attributes(fingerprint))]
pub fn fingerprint_through_ringway(declaration: TokenStream) -> TokenStream {
    implement(parse_macro_input!(declaration), parse_quote!(::ringway))
}

fn implement(declaration: DeriveInput, home: Path) -> TokenStream {
    expand::expand(declaration, home).unwrap_or_else(syn::Error::into_compile_error).into()
}
