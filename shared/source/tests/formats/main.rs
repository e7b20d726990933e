//! Whole files through the reader: the same rows in every dress, and the table of what is understood.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail a test by panicking")]

mod dress;
mod same_rows;
mod table;
