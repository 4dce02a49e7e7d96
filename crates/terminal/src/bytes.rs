//! Sizes, for people.

/// Bytes in the unit that suits them.
pub fn bytes(count: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match UNITS.iter().find(|(_, shift)| count >> shift > 0) {
        Some((unit, shift)) => format!("{:.1} {unit}", count as f64 / f64::from(1_u32 << shift)),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_their_unit() {
        assert_eq!([bytes(12), bytes(1536), bytes(3 << 20), bytes(5 << 29)], ["12 B", "1.5 KiB", "3.0 MiB", "2.5 GiB"]);
    }
}
