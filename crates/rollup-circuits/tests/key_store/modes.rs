//! Proverless and real keys do not mix, and a circuit over the limit is refused before any work.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proving::context::ProveContext;
use proving::statement::Mode;
use rollup::shape::Shape;
use rollup_circuits::family::{Family, FamilyError};
use rollup_circuits::id::CircuitId;
use rollup_circuits::settings::Settings;

use crate::scene::{Heard, bare, files, stored};

#[test]
fn a_circuit_over_the_limit_is_refused_before_any_work_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let shape = Shape::new(28, 32).unwrap();
    for circuit in CircuitId::ALL {
        let limit = 1 << 10;
        let store = Some(folder.path().to_owned());
        let settings = Settings { max_circuit_size: limit, store, ..Settings::new(shape) };
        let expected = settings.check_size(circuit).expect_err("every real circuit has more than 1,024 rows");
        let heard = Heard::new(settings);
        let start = Instant::now();
        let error = heard.family.prepare(circuit).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1), "{circuit} took {:?}", start.elapsed());
        let text = error.to_string();
        let FamilyError::TooLarge(too_large) = error else { panic!("{text}") };
        assert_eq!(too_large.limit, limit);
        assert!(too_large.needed > limit && too_large.needed.is_power_of_two());
        assert!(text.contains("1024") && text.contains(&too_large.needed.to_string()), "{text}");
        // An inner needs the padding proof, so it may be a smaller circuit that is refused first.
        if circuit != CircuitId::Inner {
            assert_eq!(too_large, expected);
        }
        let key = heard.family.verification_key(circuit).unwrap_err();
        assert_eq!(key.to_string(), expected.to_string());
        assert!(files(folder.path()).is_empty());
    }
}

#[test]
fn the_limit_holds_for_circuits_whose_size_is_not_known_before() {
    let mut settings = Settings { max_circuit_size: 128, ..Settings::new(Shape::new(1, 1).unwrap()) };
    settings.parameters.client.queries += 1;
    assert_eq!(settings.expected_rows(CircuitId::Padding), None);
    let family = Family::new(settings, Arc::new(|_| ()));
    let start = Instant::now();
    let error = family.prepare(CircuitId::Padding).unwrap_err();
    assert!(matches!(error, FamilyError::TooLarge(ref too_large) if too_large.limit == 128 && too_large.needed > 128));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn the_sizes_that_are_known_before_are_those_of_the_built_circuits() {
    let settings = Settings::new(Shape::new(1, 1).unwrap());
    let family = Family::new(settings.clone(), Arc::new(|_| ()));
    for circuit in CircuitId::CLIENTS {
        let size = family.size(circuit).unwrap();
        let expected = settings.expected_rows(circuit).unwrap();
        assert_eq!(1 << size.degree_bits, expected.next_power_of_two(), "{circuit}");
        let fits = Settings { max_circuit_size: 1 << size.degree_bits, ..settings.clone() };
        fits.check_size(circuit).unwrap();
        let less = Settings { max_circuit_size: 1 << (size.degree_bits - 1), ..settings.clone() };
        less.check_size(circuit).unwrap_err();
    }
}

#[test]
fn mocks_and_proofs_do_not_pass_in_each_others_mode() {
    let shape = Shape::new(1, 1).unwrap();
    let real = Family::new(bare(), Arc::new(|_| ()));
    let mock = Family::new(Settings::proverless(shape), Arc::new(|_| ()));
    let context = ProveContext::default();
    let proof = real.prove_padding(&context).unwrap();
    let mocked = mock.prove_padding(&context).unwrap();
    assert_eq!(proof.public_inputs(), mocked.public_inputs());
    real.verify(CircuitId::Padding, &proof).unwrap();
    mock.verify(CircuitId::Padding, &mocked).unwrap();
    assert_eq!(real.verify(CircuitId::Padding, &mocked).unwrap_err().check(), "mode");
    assert_eq!(mock.verify(CircuitId::Padding, &proof).unwrap_err().check(), "mode");
    assert!(mock.prove_wrap(CircuitId::Padding, proof, &context).is_err());

    let keys = [&real, &mock].map(|family| family.verification_key(CircuitId::Padding).unwrap());
    assert_eq!(keys.each_ref().map(|key| key.mode()), [Mode::Real, Mode::Mock]);
    assert_ne!(keys[0].statement(), keys[1].statement());
}

#[test]
fn proverless_and_real_keys_have_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let real = stored(folder.path());
    let mock = Settings { mode: Mode::Mock, ..real.clone() };
    for circuit in CircuitId::ALL {
        assert_ne!(real.key_name(circuit), mock.key_name(circuit));
    }
    let heard = Heard::new(mock);
    heard.prove();
    assert_eq!(heard.lines(), [""; 0]);
    // There is no proving key of a mock.
    assert!(files(folder.path()).iter().all(|path| path.extension().is_none_or(|extension| extension != "pk")));
    let heard = Heard::new(real);
    heard.prove();
    assert_eq!(heard.lines(), [""; 0]);
}
