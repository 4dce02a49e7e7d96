//! Every constraint by its number, and the test-only way to leave one out.
//!
//! Outside of this crate's own tests a [`Switches`] holds nothing and every constraint is on; the code
//! that turns one off is compiled for `cfg(test)` only, so no release build can contain it.

macro_rules! constraints {
    ($($(#[doc = $doc:literal])+ $name:ident),+ $(,)?) => {
        /// A constraint of the protocol that can fail alone. `docs/protocol.md` lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Constraint { $($(#[doc = $doc])+ $name),+ }

        impl Constraint {
            /// Every constraint, in protocol order.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// What it says, in one sentence.
            pub fn statement(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii_start_str()),+ }
            }
        }
    };
}

/// `concat!` keeps the space that rustdoc puts in front of a doc line.
trait TrimAscii {
    fn trim_ascii_start_str(&self) -> &str;
}

impl TrimAscii for str {
    fn trim_ascii_start_str(&self) -> &str {
        self.trim_start()
    }
}

constraints! {
    /// The account key is the hash of the account secret.
    J1AccountKey,
    /// The nullifier key is the hash of the same account secret.
    J1NullifierKey,
    /// Each input belongs to that account key.
    J1InputOwner,
    /// An input's opening hashes to its commitment.
    J1Commitment,
    /// A used input's commitment is in the data tree under the data root.
    J1Membership,
    /// A used input's public nullifier is made of its commitment and the nullifier key.
    J1Nullifier,
    /// The used flags are boolean.
    J1UsedBoolean,
    /// An unused input has amount 0.
    J2UnusedAmount,
    /// An unused input's public nullifier is a dummy.
    J2Dummy,
    /// Two used inputs have different nullifiers.
    J2Distinct,
    /// Every input has the one asset.
    J3InputAsset,
    /// Every output has the one asset.
    J3OutputAsset,
    /// The public asset is that asset for deposit and withdraw, 0 for send.
    J3PublicAsset,
    /// The fee asset is that asset where a fee is paid, else 0.
    J3FeeAsset,
    /// Where no fee asset is named the fee is 0.
    J3FeeZero,
    /// The pays-a-fee flag is boolean.
    J3PaysBoolean,
    /// Input amounts are below 2^62.
    J4InputRange,
    /// Output amounts are below 2^62.
    J4OutputRange,
    /// The public amount is below 2^62.
    J4PublicRange,
    /// The fee is below 2^48.
    J4FeeRange,
    /// The asset is below 2^30.
    J4AssetRange,
    /// Both sides of the balance are equal.
    J4Balance,
    /// The three type flags are boolean.
    J5TypeBoolean,
    /// Exactly one type flag is set.
    J5TypeOneHot,
    /// The public type is that of the flag.
    J5Type,
    /// A deposit or withdrawal has a public amount that is not 0.
    J5AmountNonZero,
    /// A send has public amount 0.
    J5AmountZero,
    /// A deposit or withdrawal has an owner that is not 0.
    J5OwnerNonZero,
    /// A send has owner 0.
    J5OwnerZero,
    /// Owner limbs are below 2^32.
    J5OwnerRange,
    /// `registered` is boolean.
    J6RegisteredBoolean,
    /// Both inputs have that `registered`.
    J6InputRegistered,
    /// If registered, the account note is in the data tree under the data root.
    J6Membership,
    /// The account note has this account key.
    J6AccountKey,
    /// The account note's spending key is the hash of the known spending secret.
    J6SpendingKey,
    /// Each output commitment is that of a value note.
    J7Commitment,
    /// An output's rho is the nullifier of its position.
    J7Rho,
    /// An output's `registered` is boolean.
    J7RegisteredBoolean,
    /// All reserved fields are 0.
    J7Reserved,
    /// The three mode flags are boolean.
    A0ModeBoolean,
    /// Exactly one mode flag is set.
    A0ModeOneHot,
    /// The public type is account.
    A0Type,
    /// Each commitment is the account note of this alias, the new key and its own spending key, or 0.
    A1Commitment,
    /// The flags that leave a commitment 0 are boolean.
    A1PresentBoolean,
    /// Create proves the account secret of the new key.
    A2Create,
    /// Migrate proves the account secret of the new key.
    A2Migrate,
    /// Add and migrate open an account note under the data root.
    A3Membership,
    /// That account note has the transaction's alias.
    A3Alias,
    /// That account note has the old key.
    A3OldKey,
    /// Its spending key is the hash of the known spending secret.
    A3SpendingKey,
    /// Create nullifies the alias.
    A4CreateAlias,
    /// Create nullifies the new key.
    A4CreateKey,
    /// Migrate nullifies the alias under the old key.
    A4MigrateAlias,
    /// Migrate nullifies the new key.
    A4MigrateKey,
    /// Add nullifies two dummies.
    A4AddDummies,
    /// Add leaves the key as it is.
    A5KeyUnchanged,
    /// Public amount, owner and asset are 0.
    A6Public,
    /// The payload digest is 0.
    A6Payload,
    /// Fee and fee asset are 0.
    A6Fee,
    /// All reserved fields are 0.
    A6Reserved,
    /// Every public input of padding is 0.
    P1Zero,
    /// The flags that choose the client key are boolean.
    W1Boolean,
    /// Exactly one client key is chosen.
    W1OneHot,
    /// The digest of the key is that of the chosen client circuit.
    W1Digest,
    /// The constants and sigmas cap of the key is that of the chosen client circuit.
    W1Cap,
    /// The public inputs are those of the verified proof.
    W2Public,
    /// A slot is empty if and only if its type is 0.
    I1Real,
    /// A real slot's data root is in the roots tree.
    I2Root,
    /// A real slot's data root is not 0, the empty leaf.
    I2NotEmpty,
    /// The low leaf is in the nullifier tree, with its value and links.
    I3LowMembership,
    /// The low value is below the new one.
    I3LowBelow,
    /// The new value is below the next one.
    I3BelowNext,
    /// Only a low leaf whose next value is 0 has no next.
    I3Infinity,
    /// The no-next flag is boolean.
    I3InfinityBoolean,
    /// Limbs before the deciding one are equal.
    I3EqualPrefix,
    /// The flags that name the deciding limb are boolean.
    I3DecidingBoolean,
    /// Exactly one limb decides.
    I3DecidingOneHot,
    /// The two halves of a deciding limb make the limb.
    I3SplitSum,
    /// The halves are below 2^32.
    I3SplitRange,
    /// A high half of 2^32 − 1 comes with a low half of 0.
    I3SplitCanonical,
    /// Equal high halves where the low halves decide.
    I3HighEqual,
    /// The flag that the high halves decide is boolean.
    I3HighBoolean,
    /// The deciding difference is in 1 … 2^32.
    I3Difference,
    /// The rewritten low leaf points to the new one.
    I3LowRewrite,
    /// The slot at `nullifier next` is empty under the updated root.
    I3SlotEmpty,
    /// The slot's index is `nullifier next`.
    I3SlotIndex,
    /// The new leaf takes over the low leaf's links.
    I3NewLeaf,
    /// The root after both insertions is the new nullifier root.
    I3NewRoot,
    /// `nullifier next` grows by two for each real slot.
    I3Next,
    /// A fee selector is boolean.
    I4SelectorBoolean,
    /// At most one fee slot is selected.
    I4OneHot,
    /// The selected fee slot holds the fee's asset.
    I4Asset,
    /// Without a selected slot the fee is 0.
    I4Unselected,
    /// The sums are those of the selected fees.
    I4Sum,
    /// Real fee assets differ in pairs.
    I4Distinct,
    /// Real fee assets are below 2^30 and unused ones are 2^30.
    I4Unused,
    /// The commitments go to an empty aligned subtree under the old data root.
    I5Empty,
    /// The subtree is the next aligned one.
    I5Aligned,
    /// The new data root holds exactly the commitments there.
    I5NewRoot,
    /// The next index is the end of that subtree.
    I5Next,
    /// An inner without a real slot advances nothing.
    I5Advances,
    /// The published limbs of all slots are those that the commitment absorbs.
    I6Commitment,
    /// The evaluation is that of the published limbs.
    I6Evaluation,
    /// The power of `r` that the evaluation starts at is that of the inner's index.
    I6Offset,
    /// The real flags of inner slots are boolean.
    O1Boolean,
    /// Real inners form a prefix.
    O1Prefix,
    /// At least one inner is real.
    O1First,
    /// A real inner has a real slot.
    O1Advances,
    /// An empty inner's outputs are masked.
    O1Masked,
    /// Data roots and next indices chain.
    O2DataChain,
    /// Nullifier roots and next indices chain.
    O2NullifierChain,
    /// Every real inner's roots root is the old state's.
    O2RootsRoot,
    /// Every real inner's rollup id is the outer's.
    O2RollupId,
    /// Every real inner's fee assets are the outer's.
    O2FeeAssets,
    /// Every real inner's evaluation point is the outer's.
    O2Challenge,
    /// Every real inner's index is its own.
    O2Index,
    /// Every real inner's defi root is the old state's.
    O2DefiRoot,
    /// Fees add up per asset.
    O2FeeSums,
    /// The roots leaf is empty under the old roots root.
    O3Empty,
    /// The roots leaf is the one at `rollup id + 1`, below 2^28.
    O3Index,
    /// That leaf then holds the new data root.
    O3NewRoot,
    /// The public old state is that of the opened fields.
    O4OldState,
    /// The public new state is that of the computed fields.
    O4NewState,
    /// The beneficiary's limbs are below 2^32.
    O4Beneficiary,
    /// N and M are those of the circuit.
    O4Shape,
    /// `C` is the commitment to the inners' commitments.
    O4Commitment,
    /// `e` is the sum of the inners' evaluations.
    O4Evaluation,
    /// The root verifier's public inputs are those of the verified outer proof.
    R1Public,
}

/// Which constraints are on: all of them, outside of this crate's own tests.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    #[cfg(test)]
    off: std::collections::BTreeSet<Constraint>,
}

impl Switches {
    /// Every constraint on, but these.
    #[cfg(test)]
    pub(crate) fn without(off: impl IntoIterator<Item = Constraint>) -> Self {
        Self { off: off.into_iter().collect() }
    }

    /// Whether `constraint` is on.
    #[cfg(test)]
    pub(crate) fn is_on(&self, constraint: Constraint) -> bool {
        !self.off.contains(&constraint)
    }

    /// Whether `constraint` is on.
    #[cfg(not(test))]
    pub(crate) fn is_on(&self, _constraint: Constraint) -> bool {
        true
    }
}
