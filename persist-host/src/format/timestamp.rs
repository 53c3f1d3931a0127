//! Points in time as the format stores them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::FormatError;

/// A point in time in microseconds since the Unix epoch; written in RFC 3339, in UTC, to the microsecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The present, from the system's clock, cut to whole microseconds.
    #[must_use]
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        // Cutting cannot leave the range; the fallback only avoids a panic path.
        Self(jiff::Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now))
    }

    /// The point `micros` microseconds after the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`FormatError::Corrupt`] outside the years that RFC 3339 can express.
    pub fn from_micros(micros: i64) -> Result<Self, FormatError> {
        jiff::Timestamp::from_microsecond(micros).map(Self).map_err(|error| {
            FormatError::corrupt_with(format!("the timestamp {micros} µs is out of range"), error)
        })
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.6}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let time: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| {
            FormatError::corrupt_with(format!("\"{text}\" is not an RFC 3339 time"), error)
        })?;
        Self::from_micros(time.as_microsecond())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_utc_with_microseconds() {
        let time = Timestamp::from_micros(1_795_411_607_123_456).unwrap();
        assert_eq!(time.to_string(), "2026-11-23T05:26:47.123456Z");
        assert_eq!("2026-11-23T06:26:47.123456+01:00".parse::<Timestamp>().unwrap(), time);
        assert_eq!(Timestamp::from_micros(0).unwrap().to_string(), "1970-01-01T00:00:00.000000Z");
        assert!(Timestamp::from_micros(i64::MAX).is_err());
        assert!("yesterday".parse::<Timestamp>().is_err());
    }

    #[test]
    fn now_is_whole_microseconds() {
        let now = Timestamp::now();
        assert_eq!(now.to_string().parse::<Timestamp>().unwrap(), now);
    }
}
