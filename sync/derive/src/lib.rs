//! `#[derive(Shared)]`, for structs of primitives and data in one region.
//!
//! Use it through `ringway_sync`, where the trait lives. This crate only reads the declaration and writes the `impl`: each
//! field's offset is the sum of the lengths before it, each a constant that the compiler adds up.

#![forbid(unsafe_code)]

use proc_macro::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Path, parse_macro_input, parse_quote};

/// Implements `Shared` for a struct with named fields, each of which is `Shared`: a primitive, `Data`, an array of one of them,
/// or another such struct.
///
/// Fields lie in the region in the order of their declaration. Their names and types make up the fingerprint, by which a
/// region of another declaration is refused. The name of the struct does not count.
///
/// ```
/// use ringway_sync::{Data, Mutex, Permits, Setup, Shared};
///
/// #[derive(Shared)]
/// struct Floor {
///     desks: Permits<12>,
///     plan: Data<[u8; 64]>,
/// }
///
/// #[derive(Shared)]
/// struct Office {
///     total: Mutex<u64>,
///     floors: [Floor; 3],
/// }
///
/// let office: Office = Setup::new().anonymous()?;
/// let desk = office.floors[2].desks.acquire()?;
/// assert_eq!(desk.number(), 0);
/// assert_eq!(Office::LEN, 128 + 3 * Floor::LEN);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A crate that is re-exported by another one asks for the path: `#[shared(crate = "engine::sync")]`.
///
/// # Errors
///
/// Each of these is refused by the compiler: a struct without named fields, an enum, a union, and a field that is not
/// `Shared`.
///
/// ```compile_fail
/// # use ringway_sync::{Mutex, Shared};
/// #[derive(Shared)]
/// struct Pair(Mutex<u64>, Mutex<u64>);
/// ```
///
/// ```compile_fail,E0277
/// # use ringway_sync::{Mutex, Shared};
/// #[derive(Shared)]
/// struct Office {
///     total: Mutex<u64>,
///     name: String,
/// }
/// ```
#[proc_macro_derive(Shared, attributes(shared))]
pub fn shared(declaration: TokenStream) -> TokenStream {
    expand(&parse_macro_input!(declaration)).unwrap_or_else(Error::into_compile_error).into()
}

fn expand(declaration: &DeriveInput) -> Result<proc_macro2::TokenStream, Error> {
    let home = home(declaration)?;
    let fields = match &declaration.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            fields => {
                return Err(Error::new(fields.span(), "`Shared` is derived for structs with named fields"));
            }
        },
        _ => return Err(Error::new(declaration.span(), "`Shared` is derived for structs with named fields")),
    };
    let (mut names, mut types, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    for field in fields {
        let before = types.clone();
        names.push(field.ident.as_ref().expect("a named field has a name"));
        offsets.push(quote! { 0usize #( + <#before as #home::Shared>::LEN )* });
        types.push(&field.ty);
    }
    // The `r#` of a keyword is how it is spelt here, not a part of its name.
    let texts: Vec<String> = names.iter().map(|name| name.unraw().to_string()).collect();
    let name = &declaration.ident;
    let (generics, arguments, bounds) = declaration.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics #home::Shared for #name #arguments #bounds {
            const LEN: usize = 0usize #( + <#types as #home::Shared>::LEN )*;

            const FINGERPRINT: u128 = #home::shared_hash()
                #( .bytes(#texts.as_bytes()).fingerprint(<#types as #home::Shared>::FINGERPRINT) )*
                .finish();

            fn at(spot: #home::Spot) -> ::core::result::Result<Self, #home::OpenError> {
                ::core::result::Result::Ok(Self {
                    #( #names: <#types as #home::Shared>::at(spot.part::<#types>(#offsets))?, )*
                })
            }
        }
    })
}

/// The path of the crate that the trait lives in.
fn home(declaration: &DeriveInput) -> Result<Path, Error> {
    let mut home = parse_quote!(::ringway_sync);
    for attribute in declaration.attrs.iter().filter(|attribute| attribute.path().is_ident("shared")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("`crate` is the only key there is"));
            }
            home = meta.value()?.parse::<syn::LitStr>()?.parse()?;
            Ok(())
        })?;
    }
    Ok(home)
}
