//! The proleptic Gregorian calendar over plain integers, for every year that an event time can have.
//!
//! It knows neither zones nor text. jiff's calendar ends at the year 9999; event times do not.

/// Days from 1970-01-01 to a date. The month is 1 to 12; the day may lie outside the month.
///
/// Years are counted from March, so that the leap day is the last day of its year: then the days before
/// a month follow one linear formula, and 400 years are always 146,097 days. Exact for |year| below 10^9.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

/// The date (year, month 1 to 12, day 1 to 31) that is `days` after 1970-01-01: the inverse of the above.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The number of days of a month (1 to 12).
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_follows_the_one_before() {
        // 400 years around the epoch hold every combination that the calendar has.
        let (mut year, mut month, mut day) = (1770, 1, 1);
        for days in days_from_civil(1770, 1, 1)..days_from_civil(2171, 1, 1) {
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(days_from_civil(year, month, day), days);
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn far_years_keep_the_cycle_of_400() {
        for (year, month, day) in
            [(-146_000, 2, 29), (-1, 12, 31), (0, 2, 29), (9999, 12, 31), (146_000, 2, 29)]
        {
            let days = days_from_civil(year, month, day);
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(days_from_civil(year + 400, month, day), days + 146_097);
        }
        assert_eq!(days_from_civil(1970, 1, 1), 0);
    }
}
