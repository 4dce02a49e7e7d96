//! The root verifier: one more proof over the outer one, shaped to be wrapped for Ethereum later.

use plonky2::iop::target::Target;
use plonky2::iop::witness::{PartialWitness, WitnessWrite};

use crate::gadgets::Cx;
use crate::outer::OUTER_PUBLIC;
use crate::plonk::F;
use crate::recursion::{ChildKey, ChildProof, ChildTarget};
use crate::switches::Constraint as Is;

/// Every wire that is set from outside.
#[derive(Debug, Clone)]
pub(crate) struct RootTargets {
    public: Vec<Target>,
    child: ChildTarget,
}

/// Every value that is set from outside; the tests forge these.
#[derive(Debug, Clone)]
pub(crate) struct RootValues {
    pub(crate) public: Vec<F>,
    pub(crate) child: ChildProof,
}

/// Defines the circuit under the outer key.
pub(crate) fn define(cx: &mut Cx<'_>, outer: ChildKey<'_>) -> RootTargets {
    let child = cx.verify_child(outer);
    let public = cx.b.add_virtual_targets(OUTER_PUBLIC);
    cx.b.register_public_inputs(&public);
    cx.equal_all(Is::R1Public, &public, child.public_inputs());
    RootTargets { public, child }
}

impl RootTargets {
    /// Sets every wire from outside.
    pub(crate) fn assign(&self, pw: &mut PartialWitness<F>, values: &RootValues) -> anyhow::Result<()> {
        self.child.assign(pw, &values.child)?;
        pw.set_target_arr(&self.public, &values.public)
    }
}
