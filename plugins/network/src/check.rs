//! Checks of options.

use std::ops::RangeInclusive;
use std::time::Duration;

use persist_plugin_api::{Error, ErrorCode, Result};

/// The longest time that an option may name: a day.
const MAX_MILLISECONDS: u64 = 24 * 60 * 60 * 1000;

/// The error for an option whose value is wrong. The message names the option as the user writes it, and the value unless
/// it may be secret.
#[must_use]
pub fn wrong(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::CONFIG, message)
}

/// Checks that an option's number is in a range.
///
/// # Errors
/// [`ErrorCode::CONFIG`] when it is not.
pub fn check_number(option: &str, number: u64, allowed: RangeInclusive<u64>) -> Result<()> {
    if allowed.contains(&number) {
        return Ok(());
    }
    let (least, most) = allowed.into_inner();
    Err(wrong(format!("{option} = {number} is out of range; {least} to {most} are allowed")))
}

/// The time that an option in milliseconds means: at least one of them, at most a day.
///
/// # Errors
/// [`ErrorCode::CONFIG`] when it is out of that range.
pub fn check_milliseconds(option: &str, milliseconds: u64) -> Result<Duration> {
    check_number(option, milliseconds, 1..=MAX_MILLISECONDS)?;
    Ok(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named_with_what_is_allowed() {
        check_number("pool_size", 64, 1..=64).unwrap();
        let error = check_number("pool_size", 65, 1..=64).unwrap_err();
        assert_eq!(error.code(), ErrorCode::CONFIG);
        assert_eq!(error.message(), "pool_size = 65 is out of range; 1 to 64 are allowed");
        assert_eq!(check_milliseconds("t", 20).unwrap(), Duration::from_millis(20));
        check_milliseconds("t", 0).unwrap_err();
        check_milliseconds("t", u64::MAX).unwrap_err();
    }
}
