//! From the declaration of a struct to its `impl Fingerprint`.
//!
//! For `#[repr(C)] struct Order<T> { id: u64, item: T }` it writes, with full paths:
//!
//! ```text
//! impl<T: Fingerprint> Fingerprint for Order<T> {
//!     const FINGERPRINT: u128 = Hash::new()
//!         .bytes(b"struct").layout::<Self>().bytes(salt).number(2)
//!         .field("id", offset_of!(Self, id), <u64 as Fingerprint>::FINGERPRINT)
//!         .field("item", offset_of!(Self, item), <T as Fingerprint>::FINGERPRINT)
//!         .finish();
//! }
//! ```
//!
//! The order of these components is part of the shared format; `ringway_shm::fingerprint` draws it.

use proc_macro2::{Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Field, Fields, Index, Member, Path, Result, parse_quote};

use crate::attributes::{self, Options};

const NOT_AN_ENUM: &str = "an enum has no fingerprint: some bit patterns are no value of it and a peer can \
    write any; keep an integer of fixed width and convert it after reading";
const NOT_A_UNION: &str = "a union has no fingerprint: nothing in the region says which of its fields is meant; \
    keep a byte array and convert it after reading";
const NOT_RUST_ORDER: &str = "field order of repr(Rust) may change between compilations: \
    add `#[repr(C)]` or `#[repr(transparent)]`";

/// Writes the `impl`; `home` is the path of the module `fingerprint` unless an attribute gives another.
pub(crate) fn expand(mut declaration: DeriveInput, home: Path) -> Result<TokenStream> {
    let fields = match &declaration.data {
        Data::Struct(data) => &data.fields,
        Data::Enum(data) => return Err(Error::new(data.enum_token.span, NOT_AN_ENUM)),
        Data::Union(data) => return Err(Error::new(data.union_token.span, NOT_A_UNION)),
    };
    if !attributes::keeps_field_order(&declaration.attrs)? {
        return Err(Error::new(declaration.ident.span(), NOT_RUST_ORDER));
    }
    attributes::refuse_on_fields(fields)?;
    let options = Options::read(&declaration.attrs)?;

    let home = options.home.unwrap_or(home);
    let home = quote!(#home::fingerprint);
    for parameter in declaration.generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#home::Fingerprint));
    }
    let name = &declaration.ident;
    let (parameters, arguments, conditions) = declaration.generics.split_for_impl();
    let salt = Literal::byte_string(options.salt.as_bytes());
    let count = Literal::u64_suffixed(fields.len() as u64);
    let fields = mix_fields(fields, &home);

    Ok(quote! {
        #[automatically_derived]
        impl #parameters #home::Fingerprint for #name #arguments #conditions {
            const FINGERPRINT: u128 = #home::Hash::new()
                .bytes(b"struct")
                .layout::<Self>()
                .bytes(#salt)
                .number(#count)
                #(#fields)*
                .finish();
        }
    })
}

/// One call of `Hash::field` for each field, in the order of the declaration.
fn mix_fields<'a>(fields: &'a Fields, home: &'a TokenStream) -> impl Iterator<Item = TokenStream> + 'a {
    fields.iter().enumerate().map(move |(index, field)| {
        let member = member(index, field);
        let name = match &member {
            // The `r#` of a keyword is how it is spelt here, not a part of its name.
            Member::Named(name) => name.unraw().to_string(),
            Member::Unnamed(number) => number.index.to_string(),
        };
        let kind = &field.ty;
        // Located at the type, so that the error for a type without a fingerprint points there; resolved at
        // the call, so that the path is found from wherever the type was written.
        let span = Span::call_site().located_at(kind.span());
        let fingerprint = quote_spanned!(span=> <#kind as #home::Fingerprint>::FINGERPRINT);
        quote!(.field(#name, ::core::mem::offset_of!(Self, #member), #fingerprint))
    })
}

fn member(index: usize, field: &Field) -> Member {
    match &field.ident {
        Some(name) => Member::Named(name.clone()),
        None => Member::Unnamed(Index::from(index)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expands a declaration given as source text.
    fn expanded(declaration: &str) -> Result<TokenStream> {
        expand(syn::parse_str(declaration)?, parse_quote!(::ringway_shm))
    }

    /// The words of the error for a declaration that is refused.
    fn refusal(declaration: &str) -> String {
        expanded(declaration).unwrap_err().to_string()
    }

    #[test]
    fn an_enum_is_refused() {
        assert_eq!(refusal("#[repr(u8)] enum Side { Buy, Sell }"), NOT_AN_ENUM);
    }

    #[test]
    fn a_union_is_refused() {
        assert_eq!(refusal("#[repr(C)] union Word { number: u64, bytes: [u8; 8] }"), NOT_A_UNION);
    }

    #[test]
    fn a_struct_in_rust_order_is_refused() {
        assert_eq!(refusal("struct Order { id: u64 }"), NOT_RUST_ORDER);
        assert_eq!(refusal("#[repr(Rust)] struct Order { id: u64 }"), NOT_RUST_ORDER);
        assert_eq!(refusal("#[repr(align(64))] struct Order { id: u64 }"), NOT_RUST_ORDER);
        assert_eq!(refusal("#[repr(packed)] struct Order { id: u64 }"), NOT_RUST_ORDER);
    }

    #[test]
    fn a_struct_in_declared_order_is_taken() {
        for words in ["C", "transparent", "align(64), C", "C, packed", "C, packed(2)"] {
            assert!(expanded(&format!("#[repr({words})] struct Order(u64);")).is_ok(), "{words}");
        }
        assert!(expanded("#[repr(align(64))] #[repr(C)] struct Order(u64);").is_ok());
    }

    #[test]
    fn an_attribute_that_would_be_ignored_is_refused() {
        for (attribute, reason) in [
            (r#"#[fingerprint(slat = "v2")]"#, "unknown key"),
            (r#"#[fingerprint(salt = "")]"#, "an empty salt"),
            (r#"#[fingerprint(salt = "v2", salt = "v3")]"#, "the salt is given twice"),
            (r#"#[fingerprint(crate = "a")] #[fingerprint(crate = "b")]"#, "the crate is given twice"),
            (r#"#[fingerprint]"#, "expected attribute arguments"),
            (r#"#[fingerprint = "v2"]"#, "expected parentheses"),
        ] {
            let told = refusal(&format!("#[repr(C)] {attribute} struct Order(u64);"));
            assert!(told.starts_with(reason), "{attribute}: {told}");
        }
    }

    #[test]
    fn an_attribute_on_a_field_is_refused() {
        let told = refusal(r#"#[repr(C)] struct Order(#[fingerprint(salt = "v2")] u64);"#);
        assert!(told.contains("belongs on the struct"), "{told}");
    }
}
