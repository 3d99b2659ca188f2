//! No call leaves a thread behind: in a process of its own, as threads are counted.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::ptr::null_mut;

use hepml_capi::*;

/// The threads of this process.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok()).collect()
}

#[test]
fn calls_leave_no_thread_behind() {
    let before = threads();
    let rows: Vec<[f64; 3]> = (0..24).map(|i| [1.0, 0.01 * f64::from(i), 0.1 * f64::from(i % 3)]).collect();
    let first = rows.as_ptr().cast::<f64>();
    let particles = hepml_particles {
        pt: first,
        y: first.wrapping_add(1),
        phi: first.wrapping_add(2),
        stride: 3,
        count: 24,
    };
    let columns = [first, first.wrapping_add(1), first.wrapping_add(2), first];
    let momenta = hepml_momenta { columns, stride: 3, count: 24, coordinates: 0 };
    let offsets: Vec<usize> = (0..=6).map(|event| 4 * event).collect();
    let (mut emd, mut spectral, mut flows, mut plan) = (null_mut(), null_mut(), null_mut(), null_mut());
    let (mut isotropy, mut tau, mut ring) = (null_mut(), null_mut(), null_mut());
    let mut values = [0.0; 36];
    let mut value = 0.0;
    let out = &raw mut value;
    let mut thrust = hepml_thrust { thrust: 0.0, one_minus_thrust: 0.0, axis: [0.0; 3], total: 0.0 };
    let mut fit = hepml_manifold_fit {
        value: 0.0,
        evaluations: 0,
        starts: 0,
        agreeing: 0,
        residual: 0.0,
        converged: 0,
    };
    // SAFETY: the views are of vectors that live, and there is room for what is written.
    let statuses = unsafe {
        let mut statuses = vec![
            hepml_divergence_new_emd(1.0, 1.0, 0, 0, &raw mut emd),
            hepml_divergence_new_spectral_emd(1.0, 0, std::ptr::null(), &raw mut spectral),
            hepml_flows_new(&raw const particles, offsets.as_ptr(), 6, &raw mut flows),
            hepml_divergence_value(emd, &raw const particles, &raw const particles, out),
            hepml_divergence_value(spectral, &raw const particles, &raw const particles, out),
            hepml_divergence_solve(emd, &raw const particles, &raw const particles, &raw mut plan),
            hepml_thrust_axis(&raw const momenta, 0, &raw mut thrust),
            hepml_spherocity_axis(&raw const momenta, out, null_mut()),
            hepml_isotropy_new_ring(64, 0, &raw mut isotropy),
            hepml_isotropy_value(isotropy, &raw const momenta, out),
            hepml_n_subjettiness_new(0, 1.0, 1.0, 1, std::ptr::null(), 1, &raw mut tau),
            hepml_n_subjettiness_tau(tau, 3, &raw const particles, out),
            hepml_manifold_new(1, 8, 1, 1.0, 1.0, 0, &raw mut ring),
            hepml_manifold_nearest(ring, &raw const particles, values.as_mut_ptr(), 36, &raw mut fit),
        ];
        for divergence in [emd, spectral] {
            for threads in [1, 3] {
                let room = values.as_mut_ptr();
                let (none, done) = (null_mut(), null_mut());
                statuses
                    .push(hepml_divergence_pairwise(divergence, flows, threads, None, none, room, 36, done));
                statuses.push(hepml_divergence_cross(
                    divergence, flows, flows, threads, None, none, room, 36, done,
                ));
            }
        }
        statuses.extend([
            hepml_divergence_free(&raw mut emd),
            hepml_divergence_free(&raw mut spectral),
            hepml_flows_free(&raw mut flows),
            hepml_transport_free(&raw mut plan),
            hepml_isotropy_free(&raw mut isotropy),
            hepml_n_subjettiness_free(&raw mut tau),
            hepml_manifold_free(&raw mut ring),
        ]);
        statuses
    };
    assert!(statuses.iter().all(|status| *status == hepml_status::Ok), "{statuses:?}");
    let mut handles = usize::MAX;
    // SAFETY: a reference may be written to.
    assert_eq!(unsafe { hepml_handles_count(&raw mut handles) }, hepml_status::Ok);
    assert_eq!(handles, 0);
    // A thread that has ended may be listed for a moment; rayon's global pool never ends.
    let mut after = threads();
    for _ in 0..100 {
        if after.len() <= before.len() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
        after = threads();
    }
    assert!(after.len() <= before.len(), "{before:?} {after:?}");
}
