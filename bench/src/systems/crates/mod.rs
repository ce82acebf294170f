//! Libraries for Rust.

super::rivals! {
    "rtrb" rtrb,
}
