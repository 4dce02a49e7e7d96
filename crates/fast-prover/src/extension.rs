//! The quadratic extension: its elements from, and times, those of the field.

use plonky2::field::extension::quadratic::QuadraticExtension;

use crate::F;

/// The extension that the challenge point lies in.
pub(crate) type Extension = QuadraticExtension<F>;

/// The element of the field as one of the extension.
pub(crate) fn lift(x: F) -> Extension {
    x.into()
}

/// `x` times an element of the field.
pub(crate) fn scale(x: Extension, by: F) -> Extension {
    QuadraticExtension(x.0.map(|coordinate| coordinate * by))
}
