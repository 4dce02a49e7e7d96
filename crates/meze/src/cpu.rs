//! What the CPU must have: `.cargo/config.toml` compiles for it.

/// An instruction set that this build uses and this CPU has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing;

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "this build needs a CPU with BMI1 and BMI2 (Intel since Haswell, AMD since Excavator); \
             on another one, build without the flags in .cargo/config.toml",
        )
    }
}

/// Looks for the instruction sets that this build uses.
///
/// `is_x86_feature_detected!` is of no use here: it takes for granted what the build was told to use.
///
/// # Errors
/// One is missing.
pub fn check() -> Result<(), Missing> {
    #[cfg(all(target_arch = "x86_64", target_feature = "bmi2"))]
    {
        // Leaf 7: bit 3 of EBX is BMI1, bit 8 is BMI2.
        const NEEDED: u32 = 1 << 3 | 1 << 8;
        let highest = std::arch::x86_64::__cpuid(0).eax;
        if highest < 7 || std::arch::x86_64::__cpuid_count(7, 0).ebx & NEEDED != NEEDED {
            return Err(Missing);
        }
    }
    Ok(())
}
