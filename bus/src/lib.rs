//! A bundle's way from the operator to the gateways.
//!
//! The operator makes a [`plain::Plain`] form of what it compiled, whose digest says whether anything changed. It packs it
//! (compressed, credentials sealed: [`plain::Packed`]), signs it ([`envelope::sign`]) and hands it to a
//! [`nats::Publisher`]. A gateway [reads](nats::BundleReader) it, [verifies](envelope::verify) it, opens it
//! ([`envelope::Verified::open`]) and [reports](report::Report) what became of it. `docs/bundle.md` has the picture.
//!
//! Everything but [`nats`] is plain computation.

pub mod envelope;
pub mod keys;
pub mod nats;
pub mod plain;
pub mod report;
mod seal;
pub mod tools;
