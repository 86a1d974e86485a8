//! scratch
use crate::invented::invented;
use crate::known::KNOWN;
use std::collections::BTreeMap;
struct Rng(u64);
impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}
#[test]
#[ignore]
fn survey() {
    let mode = std::env::var("MODE").unwrap_or("drop".into());
    let n: usize = std::env::var("N")
        .ok()
        .and_then(|x| x.parse().ok())
        .unwrap_or(40);
    let mut rng = Rng(0x1234_5678_9abc_def1);
    let mut found: BTreeMap<String, (usize, String)> = BTreeMap::new();
    let mut total = 0;
    for known in KNOWN.iter() {
        let len = known.packets.len();
        let mut kinds: Vec<Vec<usize>> = vec![];
        match &mode[..] {
            "begin" => {
                for k in 1..len {
                    kinds.push((0..k).collect());
                }
            }
            "end" => {
                for k in 0..len {
                    kinds.push((k..len).collect());
                }
            }
            "pair" => {
                for a in 0..len.min(40) {
                    for b in a + 1..len.min(40) {
                        kinds.push(vec![a, b]);
                    }
                }
            }
            "drop" => {
                for _ in 0..n {
                    let mut lost = vec![];
                    for _ in 0..1 + rng.below(6) {
                        let f = rng.below(len);
                        for i in f..(f + 1 + rng.below(3)).min(len) {
                            lost.push(i);
                        }
                    }
                    lost.sort();
                    lost.dedup();
                    kinds.push(lost);
                }
            }
            "snap" => {
                for s in 54..240 {
                    kinds.push(vec![s]);
                }
            }
            _ => panic!(),
        }
        for lost in kinds {
            total += 1;
            let mut packets = known.packets.clone();
            if mode == "snap" {
                for p in &mut packets {
                    p.bytes.truncate(lost[0]);
                }
            } else {
                let mut i = 0;
                packets.retain(|_| {
                    i += 1;
                    !lost.contains(&(i - 1))
                });
            }
            let wrong = invented(known, &packets);
            if wrong.is_empty() {
                continue;
            }
            let key: Vec<String> = wrong
                .iter()
                .filter(|w| !w.starts_with("zz"))
                .cloned()
                .collect();
            let show = |l: &Vec<usize>| {
                l.iter()
                    .map(|x| (x + 1).to_string())
                    .collect::<Vec<_>>()
                    .join(",")
            };
            let e = found
                .entry(format!("{}: {}", known.case.name, key.join(" | ")))
                .or_insert((0, String::new()));
            e.0 += 1;
            if e.1.is_empty()
                || e.1.len() > 2000
                || lost.len() < e.1.split(' ').next().unwrap_or("").matches(',').count() + 1
            {
                e.1 = format!("{} {}", show(&lost), wrong.join("\n      "));
            }
        }
    }
    println!("{total} cases, {} kinds", found.len());
    for (k, (n, e)) in &found {
        println!("## {n}x {k}\n    {e}");
    }
}
