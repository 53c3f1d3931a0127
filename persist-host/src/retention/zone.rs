//! Time zones, from the rules that this release was built with.

use std::fmt;
use std::str::FromStr;

use jiff::Zoned;
use jiff::tz::TimeZoneDatabase;
use serde::{Serialize, Serializer};

use super::InvalidRule;
use crate::Timestamp;

const UTC: &str = "UTC";

/// A time zone, named as in the IANA database, such as `Europe/Berlin`; UTC by default.
///
/// The zones' rules are part of this release rather than of the machine, so that a plan is the same everywhere, also
/// where no database is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeZone(jiff::tz::TimeZone);

impl TimeZone {
    /// A point in time as clocks and calendars in this zone show it.
    pub(super) fn show(&self, time: Timestamp) -> Zoned {
        let micros = time.as_micros();
        // A timestamp is in range since it was made; the fallback only avoids a panic path.
        jiff::Timestamp::from_microsecond(micros).unwrap_or_default().to_zoned(self.0.clone())
    }
}

impl Default for TimeZone {
    fn default() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }
}

impl FromStr for TimeZone {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        if text.eq_ignore_ascii_case(UTC) {
            return Ok(Self::default());
        }
        let zone = TimeZoneDatabase::bundled().get(text);
        zone.map(Self).map_err(|_| InvalidRule::TimeZone { text: text.to_owned() })
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.iana_name().unwrap_or(UTC))
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_iana_names() {
        assert_eq!(TimeZone::default().to_string(), "UTC");
        assert_eq!("utc".parse::<TimeZone>().unwrap(), TimeZone::default());
        assert_eq!("europe/berlin".parse::<TimeZone>().unwrap().to_string(), "Europe/Berlin");
        for text in ["", "Mars/Phobos", "+02:00", "../UTC", "Europe"] {
            assert_eq!(text.parse::<TimeZone>(), Err(InvalidRule::TimeZone { text: text.to_owned() }));
        }
    }
}
