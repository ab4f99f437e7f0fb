//! What nodes of each line answer, and what must not be concluded.

use super::*;

fn modules(staking: u64, slashing: u64) -> BTreeMap<String, u64> {
    [("staking".into(), staking), ("slashing".into(), slashing)].into()
}

/// All answers of a willing node of `line`; module versions are those of the SDK's sources.
fn willing(line: Line) -> Facts {
    let (staking, slashing) = match line {
        Line::V039 | Line::V040 => (0, 0),
        Line::V043 => (2, 2),
        Line::V046 => (3, 2),
        Line::V047 => (4, 3),
        Line::V050 => (5, 4),
        Line::V055 => (6, 4),
    };
    Facts {
        protobuf: Some(line > Line::V039),
        modules: if staking > 0 { modules(staking, slashing) } else { BTreeMap::new() },
        sdk_version: None,
        gov_v1: Some(line >= Line::V046),
        params_key: Some(line >= Line::V047),
        info: Some(match line {
            Line::V039 => InfoForm::BareAmino,
            Line::V040 => InfoForm::BareProtobuf,
            _ => InfoForm::Length,
        }),
        abci_2: Some(line >= Line::V050),
    }
}

#[test]
fn every_line_is_found_by_its_answers() {
    for line in Line::ALL {
        let verdict = willing(line).verdict();
        assert_eq!((verdict.lines.clone(), verdict.doubt.clone()), (line..=line, None), "{verdict:?}");
        assert_eq!((verdict.rules(), verdict.layout()), (line.rules(), Some(line.rules().layout)));
        assert_eq!(verdict.name(), format!("SDK {}", line.name()));
    }
}

#[test]
fn a_silent_node_leaves_doubt_where_lines_count_differently() {
    // Protobuf, ABCI 1, nothing else: 0.40 to 0.47.
    let verdict = Facts { protobuf: Some(true), abci_2: Some(false), ..Facts::default() }.verdict();
    assert_eq!(verdict.lines, Line::V040..=Line::V047);
    assert!(verdict.doubt.is_some() && verdict.layout().is_none());
    assert!(verdict.name().starts_with("SDK 0.40-0.47? "), "{}", verdict.name());
    assert!(Facts::default().verdict().doubt.is_some());
}

#[test]
fn lines_that_count_alike_need_no_more_evidence() {
    let verdict = Facts { protobuf: Some(true), abci_2: Some(true), ..Facts::default() }.verdict();
    assert_eq!((verdict.doubt.clone(), verdict.layout()), (None, Some(Layout::Chunks)));
    assert_eq!(verdict.name(), "SDK 0.50-0.55");
    let verdict = Facts { protobuf: Some(true), gov_v1: Some(false), ..Facts::default() }.verdict();
    assert_eq!(
        (verdict.name().as_str(), verdict.layout()),
        ("SDK 0.40-0.45", None),
        "counts, but reads no store"
    );
}

#[test]
fn a_version_alone_decides_nothing_against_the_answers() {
    let lying = Facts { sdk_version: Some("v0.45.16".into()), ..willing(Line::V050) };
    let verdict = lying.verdict();
    assert_eq!(verdict.doubt.as_deref(), Some("its answers contradict each other"));
    assert!(verdict.layout().is_none());
    assert!(verdict.words().iter().any(|w| w.contains("0.43-0.45")), "{:?}", verdict.words());
}

#[test]
fn special_chains_are_told_apart() {
    for facts in [
        Facts { info: Some(InfoForm::Foreign), ..willing(Line::V043) },
        Facts { sdk_version: Some("v0.52.0-rc.1".into()), ..willing(Line::V050) },
    ] {
        let verdict = facts.verdict();
        assert!(verdict.doubt.is_some() && verdict.layout().is_none(), "{verdict:?}");
    }
}

#[test]
fn one_answer_less_never_changes_the_line_to_another() {
    type Strip = fn(&mut Facts);
    let strips: [Strip; 6] = [
        |f| f.protobuf = None,
        |f| f.modules.clear(),
        |f| f.gov_v1 = None,
        |f| f.params_key = None,
        |f| f.info = None,
        |f| f.abci_2 = None,
    ];
    for line in Line::ALL {
        for mask in 0u32..64 {
            let mut facts = willing(line);
            strips
                .iter()
                .enumerate()
                .filter(|(i, _)| mask >> i & 1 == 1)
                .for_each(|(_, strip)| strip(&mut facts));
            let verdict = facts.verdict();
            assert!(verdict.lines.contains(&line), "{line:?} {mask:06b} {verdict:?}");
            if verdict.doubt.is_none() {
                let (found, real) = (verdict.rules(), line.rules());
                assert_eq!(
                    (found.skips_jailed, found.renews_start),
                    (real.skips_jailed, real.renews_start),
                    "{line:?} {mask:06b}"
                );
                assert!(verdict.layout().is_none_or(|layout| layout == real.layout), "{line:?} {mask:06b}");
            }
        }
    }
}
