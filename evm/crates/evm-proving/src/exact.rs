//! Numbers that survive every reader of JSON. Field elements have 64 bits, and many tools (jq before 1.7, JavaScript)
//! take JSON's numbers for doubles and round all above 2^53: a proof that went through one of them does not hold any
//! more, and says so only as a failed equation. So large numbers are written as strings of digits, and read in both
//! forms; and where they were rounded all the same, that is noticed.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// Up to this every integer is a double.
const EXACT: u64 = 1 << 53;

/// A double has so many significant digits.
const DIGITS: usize = 17;

/// So few large numbers may all look rounded by chance.
const FEW: usize = 20;

/// JSON in one line, with large numbers as strings.
pub(crate) fn to_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Exact))?;
    Ok(bytes)
}

struct Exact;

impl Formatter for Exact {
    fn write_u64<W: ?Sized + Write>(&mut self, writer: &mut W, value: u64) -> io::Result<()> {
        if value > EXACT { write!(writer, "\"{value}\"") } else { write!(writer, "{value}") }
    }
}

/// Reads large numbers back that are strings, as they are in the fields other than texts.
pub(crate) fn restore(value: &mut Value) {
    each(value, &mut |value| {
        let digits = value.as_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        if let Some(number) = digits.and_then(|text| text.parse::<u64>().ok()) {
            *value = number.into();
        }
    });
}

/// Whether all large numbers have no more digits than a double: of field elements that does not come by itself.
pub(crate) fn is_rounded(value: &mut Value) -> bool {
    let (mut large, mut rounded) = (0, 0);
    each(value, &mut |value| {
        if value.is_f64() {
            (large, rounded) = (large + 1, rounded + 1);
        } else if let Some(number) = value.as_u64().filter(|number| *number >= 10u64.pow(DIGITS as u32)) {
            let text = number.to_string();
            large += 1;
            rounded += usize::from(text[DIGITS..].bytes().all(|digit| digit == b'0'));
        }
    });
    large > FEW && rounded == large
}

fn each(value: &mut Value, visit: &mut impl FnMut(&mut Value)) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, visit)),
        Value::Object(fields) => fields.values_mut().for_each(|value| each(value, visit)),
        value => visit(value),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> Value {
        serde_json::from_slice(&to_json(value).unwrap()).unwrap()
    }

    #[test]
    fn only_numbers_that_a_double_does_not_have_become_strings() {
        let before = json!({ "a": [EXACT, EXACT + 1, u64::MAX], "b": "standard", "c": 5 });
        let mut value = written(&before);
        let expected = json!({ "a": [EXACT, "9007199254740993", "18446744073709551615"], "b": "standard", "c": 5 });
        assert_eq!(value, expected);
        restore(&mut value);
        assert_eq!(value, before);
    }

    #[test]
    fn numbers_that_went_through_doubles_are_noticed() {
        let elements = (1..40u64).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect::<Vec<_>>();
        assert!(!is_rounded(&mut json!(elements)));
        // As jq 1.6 writes them: 17 significant digits, then zeros.
        let jq = |number: &u64| {
            let text = number.to_string();
            let kept = &text[..text.len().min(DIGITS)];
            format!("{kept:0<width$}", width = text.len()).parse::<u64>().unwrap()
        };
        assert!(is_rounded(&mut json!(elements.iter().map(jq).collect::<Vec<_>>())));
        assert!(!is_rounded(&mut json!([10_000_000_000_000_000_000u64])), "one may come by chance");
        assert!(is_rounded(&mut json!(vec![1.8e19; 40])));
    }

    proptest! {
        #[test]
        fn every_number_survives_a_reader_of_doubles(numbers: Vec<u64>) {
            let through: Vec<Value> = serde_json::from_value(written(&json!(numbers))).unwrap();
            let doubles = through.into_iter().map(|value| match value.as_u64() {
                Some(number) => json!(number as f64 as u64),
                None => value,
            });
            let mut value = Value::Array(doubles.collect());
            restore(&mut value);
            prop_assert_eq!(value, json!(numbers));
        }
    }
}
