use super::*;

fn arm(failed: f64, p50: f64, taken: &[u64], phases: &[(f64, &str)]) -> Arm {
    let phase = |(at_s, name): &(f64, &str)| Phase { at_s: *at_s, phase: (*name).to_owned(), reason: String::new() };
    Arm {
        metrics: Metrics { failed_requests: Some(failed), latency_ms_p50: Some(p50), ..Metrics::default() },
        phases: phases.iter().map(phase).collect(),
        taken: taken.to_vec(),
    }
}

fn found(pairs: &[Pair], asked: &[Asked]) -> Findings {
    let mut findings = Findings::default();
    findings.add("canary", pairs, &Tolerances::new(asked, 0.5), &[]);
    findings
}

#[test]
fn what_is_within_chance_or_tolerance_holds() {
    let phases = [(1.0, "started"), (2.0, "promoted")];
    let pair = |failed, p50| Pair {
        simulated: arm(100.0, 20.0, &[500, 500], &phases),
        live: arm(failed, p50, &[504, 496], &[(1.0, "started"), (2.3, "promoted")]),
    };
    let findings = found(&[pair(110.0, 21.0), pair(85.0, 20.5)], &[]);
    assert_eq!((findings.lines.len(), findings.courses.len()), (3, 1));
    assert_eq!(findings.finding(), Finding::Holds, "{findings:?}");
    assert_eq!(findings.lines[0].gap(), -2.5);
    assert!((findings.courses[0].apart_s - 0.3).abs() < 1e-9);
    assert!(text(&findings, "head").starts_with("The forecast holds: 3 of 3"));
}

#[test]
fn what_is_far_off_every_time_does_not() {
    let far = Pair { simulated: arm(100.0, 20.0, &[], &[]), live: arm(400.0, 20.0, &[], &[]) };
    let several = found(&[far.clone(), far.clone()], &[]);
    assert_eq!((several.lines[0].finding(), several.lines[1].finding()), (Finding::Fails, Finding::Holds));
    assert_eq!(several.finding(), Finding::Fails);
    assert_eq!(found(std::slice::from_ref(&far), &[]).finding(), Finding::Fails);
    assert_eq!(found(std::slice::from_ref(&far), &[Asked::Factor(10.0)]).finding(), Finding::Holds);
    let wide = Asked::parse("failed_requests=300").expect("a tolerance");
    assert_eq!(found(&[far], &[wide]).finding(), Finding::Holds);
}

#[test]
fn what_is_far_off_on_average_but_may_be_chance_is_left_open() {
    let pair = |live| Pair { simulated: arm(100.0, 20.0, &[], &[]), live: arm(live, 20.0, &[], &[]) };
    let findings = found(&[pair(90.0), pair(200.0)], &[]);
    assert_eq!((findings.lines[0].finding(), findings.finding()), (Finding::Open, Finding::Open));
    let said = text(&findings, "head");
    assert!(said.starts_with("Left open: 1 of 2 metrics") && said.contains('?'), "{said}");
}

#[test]
fn the_instance_that_is_furthest_off_is_shown_and_judged() {
    let pair = Pair { simulated: arm(0.0, 1.0, &[250, 250, 500], &[]), live: arm(0.0, 1.0, &[255, 265, 480], &[]) };
    let findings = found(&[pair], &[]);
    let line = findings.lines.last().expect("the share is the last");
    assert_eq!((line.metric, line.instance, line.finding()), (INSTANCE_SHARE, Some(2), Finding::Fails));
    assert!((line.gap() + 2.0).abs() < 1e-9);
}

#[test]
fn another_order_of_phases_or_a_late_one_is_told() {
    let steps = |list: &[(f64, &str)]| arm(0.0, 1.0, &[], list);
    let late = Pair { simulated: steps(&[(1.0, "started")]), live: steps(&[(1.6, "started")]) };
    assert_eq!(found(&[late], &[]).finding(), Finding::Fails);
    let other = Pair { simulated: steps(&[(1.0, "promoted")]), live: steps(&[(1.0, "rolled back")]) };
    let findings = found(&[other], &[]);
    assert_eq!(findings.finding(), Finding::Fails);
    let said = text(&findings, "head");
    assert!(said.contains("the same in 0 of 1") && said.contains("live       rolled back"), "{said}");
}
