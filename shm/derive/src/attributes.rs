//! What the attributes of a struct say: whether its fields keep their order, which salt, which crate.
//!
//! An attribute that nobody would act on is refused. A salt that was misspelt and silently dropped is found
//! on the day when two regions are taken for one another.

use proc_macro2::TokenStream;
use syn::meta::ParseNestedMeta;
use syn::parse::Parse;
use syn::{Attribute, Error, Fields, LitStr, Path, Result, parenthesized, token};

/// `#[fingerprint(salt = "..", crate = "..")]`, both optional.
#[derive(Default)]
pub(crate) struct Options {
    /// Mixed into the fingerprint; empty when none was given.
    pub(crate) salt: String,
    /// The path in which the module `fingerprint` lies, when it is not the usual one.
    pub(crate) home: Option<Path>,
}

impl Options {
    /// Reads every `#[fingerprint(..)]` of the struct.
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("fingerprint")) {
            attribute.parse_nested_meta(|key| options.set(&key))?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &ParseNestedMeta<'_>) -> Result<()> {
        if key.path.is_ident("salt") {
            let salt: LitStr = key.value()?.parse()?;
            if salt.value().is_empty() {
                return Err(Error::new(salt.span(), "an empty salt changes nothing"));
            }
            if !self.salt.is_empty() {
                return Err(key.error("the salt is given twice"));
            }
            self.salt = salt.value();
        } else if key.path.is_ident("crate") {
            let home: LitStr = key.value()?.parse()?;
            if self.home.is_some() {
                return Err(key.error("the crate is given twice"));
            }
            self.home = Some(home.parse_with(Path::parse_mod_style)?);
        } else {
            return Err(key.error("unknown key: `salt = \"..\"` and `crate = \"..\"` exist"));
        }
        Ok(())
    }
}

/// Refuses `#[fingerprint(..)]` on a field, where the compiler would let it pass and nobody would read it.
pub(crate) fn refuse_on_fields(fields: &Fields) -> Result<()> {
    let attributes = fields.iter().flat_map(|field| &field.attrs);
    match attributes.into_iter().find(|attribute| attribute.path().is_ident("fingerprint")) {
        Some(attribute) => {
            Err(Error::new_spanned(attribute, "`#[fingerprint(..)]` belongs on the struct, not on a field"))
        }
        None => Ok(()),
    }
}

/// True when the representation lays the fields out as declared: `C` or `transparent` is among its words.
///
/// `align(N)` and `packed(N)` change where the fields lie, which the offsets then say, but alone they leave
/// the order to the compiler.
pub(crate) fn keeps_field_order(attributes: &[Attribute]) -> Result<bool> {
    let mut keeps_order = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("repr")) {
        attribute.parse_nested_meta(|word| {
            keeps_order |= word.path.is_ident("C") || word.path.is_ident("transparent");
            if word.input.peek(token::Paren) {
                // The number in `align(N)`: the compiler knows it, but it has to be stepped over.
                let number;
                parenthesized!(number in word.input);
                TokenStream::parse(&number)?;
            }
            Ok(())
        })?;
    }
    Ok(keeps_order)
}
