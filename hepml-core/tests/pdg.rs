//! `PdgId` against the package `particle` and Pythia 8, and invariants over all codes.
//!
//! Both reference files are written by `tools/pdg_table.py`.

use hepml_core::PdgId;
use proptest::prelude::*;

const PARTICLES: &str = include_str!("reference/pdg_particles.csv");
const PYTHIA: &str = include_str!("reference/pdg_pythia.csv");

/// c tau: the package rounds ħ and c differently in the last digits.
const C_TAU_RELATIVE: f64 = 1e-9;

/// The fields of every line after the comment and the header; no field of ours contains a comma.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(field: &str) -> Option<T> {
    (!field.is_empty()).then(|| field.parse().expect("the reference file holds numbers"))
}

#[test]
fn every_code_agrees_with_the_package_particle() {
    let mut count = 0;
    for row in rows(PARTICLES) {
        let [id, name, mass, width, c_tau, three_charge, antiparticle, kind, charm, bottom, a, z] = row[..]
        else {
            panic!("{row:?}");
        };
        let id = PdgId(id.parse().unwrap());
        if !name.is_empty() {
            assert_eq!(id.name().as_deref(), Some(name), "{id}");
        }
        assert_eq!(id.mass(), number(mass), "mass of {id}");
        assert_eq!(id.width(), number(width), "width of {id}");
        match number::<f64>(c_tau) {
            Some(expected) if expected.is_finite() => {
                let deviation = (id.c_tau().unwrap() / expected - 1.0).abs();
                assert!(deviation <= C_TAU_RELATIVE, "c tau of {id}: off by {deviation:e}");
            }
            Some(expected) => assert_eq!(id.c_tau(), Some(expected), "c tau of {id}"),
            None => assert_eq!(id.c_tau(), None, "c tau of {id}"),
        }
        assert_eq!(id.three_charge(), number(three_charge), "charge of {id}");
        assert_eq!(id.antiparticle(), PdgId(antiparticle.parse().unwrap()), "antiparticle of {id}");
        let kinds = [
            ("quark", id.is_quark()),
            ("lepton", id.is_lepton()),
            ("meson", id.is_meson()),
            ("baryon", id.is_baryon()),
            ("diquark", id.is_diquark()),
            ("nucleus", id.is_nucleus()),
        ];
        // The package calls reggeon, pomeron and odderon mesons; here what is exchanged is no hadron.
        let kind = if matches!(id.0, 110 | 990 | 9990) { "" } else { kind };
        for (what, is) in kinds {
            assert_eq!(is, what == kind, "{id}: {what}");
        }
        assert_eq!(id.is_hadron(), id.is_meson() || id.is_baryon());
        assert_eq!((id.has_charm(), id.has_bottom()), (charm == "1", bottom == "1"), "{id}");
        assert_eq!(id.mass_number(), number(a), "A of {id}");
        // The package gives antinuclei a negative Z.
        assert_eq!(id.atomic_number(), number::<i32>(z).map(i32::unsigned_abs), "Z of {id}");
        count += 1;
    }
    assert!(count > 800, "only {count} codes");
}

#[test]
fn every_code_in_records_of_pythia_is_known() {
    let (mut count, mut final_states) = (0, 0);
    for row in rows(PYTHIA) {
        let [id, is_final, three_charge, has_antiparticle] = row[..] else { panic!("{row:?}") };
        let id = PdgId(id.parse().unwrap());
        count += 1;
        if id.is_generator_internal() {
            assert_eq!(is_final, "0", "{id} is generator-internal, but in a final state");
            continue;
        }
        assert!(id.name().is_some(), "{id} has no name");
        assert_eq!(id.three_charge(), number(three_charge), "charge of {id}");
        assert_eq!(id.antiparticle() != id, has_antiparticle == "1", "antiparticle of {id}");
        if is_final == "1" {
            final_states += 1;
            assert!(id.mass().is_some(), "{id} is in a final state, but has no mass");
        }
    }
    assert!(count > 300 && final_states > 20, "{count} codes, {final_states} in final states");
}

/// Codes of which many name something: uniform ones hardly ever do.
fn code() -> impl Strategy<Value = i32> {
    let magnitude = prop_oneof![
        any::<i32>(),
        -100..=100,
        -10_000..=10_000,
        -10_000_000..=10_000_000,
        100_000_000..=200_000_000,
        1_000_000_000..=1_100_000_000,
        Just(i32::MIN),
    ];
    (magnitude, any::<bool>()).prop_map(|(code, flip)| if flip { code.wrapping_neg() } else { code })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn antiparticles(code in code()) {
        let id = PdgId(code);
        let anti = id.antiparticle();
        prop_assert_eq!(anti.antiparticle(), id);
        if anti != id {
            prop_assert_eq!(anti.mass(), id.mass());
            prop_assert_eq!(anti.width(), id.width());
            prop_assert_eq!(anti.three_charge(), id.three_charge().map(|charge| -charge));
            prop_assert_eq!(anti.name().is_some(), id.name().is_some());
            prop_assert!(id.name().is_none() || anti.name() != id.name());
        } else if let Some(charge) = id.three_charge() {
            prop_assert_eq!(charge, 0);
        }
        prop_assert_eq!(
            (anti.is_meson(), anti.is_baryon(), anti.is_diquark(), anti.is_quark(), anti.is_lepton(), anti.is_nucleus()),
            (id.is_meson(), id.is_baryon(), id.is_diquark(), id.is_quark(), id.is_lepton(), id.is_nucleus())
        );
        prop_assert_eq!((anti.has_charm(), anti.has_bottom()), (id.has_charm(), id.has_bottom()));
        prop_assert_eq!((anti.mass_number(), anti.atomic_number()), (id.mass_number(), id.atomic_number()));
    }

    #[test]
    fn every_code_has_one_kind_at_most_and_whole_charges_where_confined(code in code()) {
        let id = PdgId(code);
        let kinds = [id.is_quark(), id.is_lepton(), id.is_meson(), id.is_baryon(), id.is_diquark(), id.is_nucleus(),
            id.is_generator_internal()];
        prop_assert!(kinds.iter().filter(|is| **is).count() <= 1);
        prop_assert!(!id.is_neutrino() || id.is_lepton() && !id.is_charged_lepton());
        if id.is_hadron() || id.is_lepton() || id.is_nucleus() {
            prop_assert_eq!(id.three_charge().unwrap() % 3, 0);
        }
        prop_assert_eq!(id.charge(), id.three_charge().map(|charge| f64::from(charge) / 3.0));
        prop_assert_eq!(id.to_string().parse(), Ok(code));
    }

    #[test]
    fn names_never_panic(name in "\\PC{0,8}|[A-Z][a-z]?[0-9]{0,12}~?") {
        if let Some(id) = PdgId::from_name(&name) {
            prop_assert_eq!(id.name().unwrap(), name);
        }
    }
}
