//! What the warnings say about files that people use, and how comments and options silence them.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn histogram() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/sdl/real");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: the fixtures are not beside the project");
        return;
    };
    let mut paths: Vec<_> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    paths.retain(|it| it.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    paths.sort();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    let mut files: BTreeMap<&str, std::collections::BTreeSet<String>> = BTreeMap::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(compiled) = sdl::compile(&std::fs::read_to_string(&path).unwrap()) else { continue };
        let w = compiled.warnings.with_name(&name);
        for line in w.lines() {
            println!("{line}");
        }
        for it in w.iter() {
            *count.entry(it.rule.code()).or_default() += 1;
            files.entry(it.rule.code()).or_default().insert(name.clone());
        }
    }
    for (code, n) in count {
        println!("HIST {n:5} in {:4} files {code}", files[code].len());
    }
}
