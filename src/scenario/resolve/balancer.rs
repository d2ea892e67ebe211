//! Which rule a balancer of the file stands for.

use crate::core::proxy::{self, Rule, SlowStart};
use crate::core::time::Span;
use crate::scenario::check::Check;
use crate::scenario::file::balancer::{
    Balancer, EnvoySlowStart, HaproxyHash, HashFunction, HashOf, HashType, LeastRequest, LoadReports, MaglevTable,
    RingFunction, RingHash,
};
use crate::yaml::tree::KeyPath;

const UPDATE_MIN: Span = Span::from_millis(100);
const ALB_SLOW_START: [Span; 2] = [Span::from_secs(30), Span::from_secs(900)];
const TWO: proxy::Choices = proxy::Choices { draws: 2, replacement: false };

pub(in crate::scenario) fn rule(balancer: &Balancer, at: &KeyPath, check: &mut Check<'_>) -> Rule {
    let (word, _) = balancer.parts();
    let at = &at.key(word);
    match balancer {
        Balancer::RoundRobin(_) => Rule::RoundRobin,
        Balancer::Random(_) => Rule::Random,
        Balancer::TwoChoices(choices) => {
            let draws = choices.draws.small();
            Rule::TwoChoices(proxy::Choices { draws, replacement: choices.replacement })
        }
        Balancer::TraefikTwoChoices(_) => Rule::TwoChoices(TWO),
        Balancer::FinagleTwoChoices(finagle) => Rule::FinagleTwoChoices(finagle.effort.small()),
        Balancer::PeakEwma(ewma) => {
            Rule::PeakEwma(proxy::Ewma { default_rtt: ewma.default_rtt.0, decay: ewma.decay.0 })
        }
        Balancer::FinaglePeakEwma(ewma) => {
            Rule::FinaglePeakEwma(proxy::Ewma { default_rtt: Span::ZERO, decay: ewma.decay.0 })
        }
        Balancer::Rendezvous(_) | Balancer::TraefikRendezvous(_) => Rule::Rendezvous,
        Balancer::First(first) => Rule::First(first.max_connections.small()),
        Balancer::WeightedRoundRobin(_) | Balancer::NginxRoundRobin(_) => Rule::NginxRoundRobin,
        Balancer::LeastConnections(_) | Balancer::NginxLeastConnections(_) => Rule::NginxLeastConnections,
        Balancer::NginxLeastTime(_) => Rule::NginxLeastTime,
        Balancer::NginxRandom(_) => Rule::NginxRandom,
        Balancer::NginxRandomTwo(_) => Rule::NginxRandomTwo,
        Balancer::NginxIpHash(_) => Rule::NginxIpHash,
        Balancer::NginxHash(_) => Rule::NginxHash,
        Balancer::Ketama(_) | Balancer::PingoraKetama(_) => Rule::Ketama,
        Balancer::HaproxyRoundRobin(slow) => Rule::HaproxyRoundRobin(slow.slow_start.0.map(haproxy_slow_start)),
        Balancer::HaproxyStaticRr(_) => Rule::HaproxyStaticRr,
        Balancer::HaproxyLeastConnections(slow) => {
            Rule::HaproxyLeastConnections(slow.slow_start.0.map(haproxy_slow_start))
        }
        Balancer::HaproxyRandom(random) => Rule::HaproxyRandom(random.draws.small()),
        Balancer::HaproxyHash(options) => haproxy_hash(options, at, check),
        Balancer::EnvoyRoundRobin(options) => Rule::EnvoyRoundRobin(proxy::EnvoyRoundRobin {
            random_start: options.random_start,
            slow_start: options.slow_start.as_ref().map(envoy_slow_start),
        }),
        Balancer::EnvoyLeastRequest(options) => Rule::EnvoyLeastRequest(least_request(options)),
        Balancer::AlbLeastOutstanding(_) => Rule::EnvoyLeastRequest(proxy::LeastRequest {
            choice_count: 2,
            bias: 1.0,
            full_scan: true,
            slow_start: None,
        }),
        Balancer::EnvoyRandom(_) => Rule::EnvoyRandom,
        Balancer::EnvoyRingHash(options) => ring_hash(options, at, check),
        Balancer::Maglev(options) | Balancer::EnvoyMaglev(options) => maglev(options, at, check),
        Balancer::EnvoyClientSideWeightedRoundRobin(options) => {
            Rule::EnvoyClientSideWeightedRoundRobin(reported(options))
        }
        Balancer::GrpcWeightedRoundRobin(options) => Rule::GrpcWeightedRoundRobin(reported(options)),
        Balancer::PingoraRoundRobin(_) => Rule::PingoraRoundRobin,
        Balancer::PingoraHash(_) => Rule::PingoraHash,
        Balancer::TraefikWeightedRoundRobin(_) => Rule::TraefikWeightedRoundRobin,
        Balancer::TraefikLeastTime(_) => Rule::TraefikLeastTime,
        Balancer::Prequal(options) => Rule::Prequal(proxy::Prequal {
            hot_quantile: options.hot_quantile.share().value(),
            pool: options.pool.small(),
            probes: options.probes.small(),
        }),
        Balancer::AlbRoundRobin(slow) => {
            let lasts = slow.slow_start.0.map(|lasts| lasts.0);
            alb_round_robin(lasts, &at.key("slow-start"), check)
        }
    }
}

fn haproxy_slow_start(lasts: crate::scenario::units::Lasting) -> SlowStart {
    SlowStart::Haproxy(lasts.0)
}

fn envoy_slow_start(slow_start: &EnvoySlowStart) -> SlowStart {
    SlowStart::Envoy {
        window: slow_start.window.0,
        aggression: slow_start.aggression.0,
        min_weight: slow_start.min_weight.share().value(),
    }
}

fn alb_round_robin(lasts: Option<Span>, at: &KeyPath, check: &mut Check<'_>) -> Rule {
    let [least, most] = ALB_SLOW_START;
    if let Some(lasts) = lasts.filter(|lasts| !(least..=most).contains(lasts)) {
        check.complain(
            &[at],
            format!("found {lasts}, expected a time from {least} to {most}, as the load balancer has it"),
        );
    }
    Rule::AlbRoundRobin(lasts.map(SlowStart::Alb))
}

fn haproxy_hash(options: &HaproxyHash, at: &KeyPath, check: &mut Check<'_>) -> Rule {
    let consistent = options.r#type == HashType::Consistent;
    let at = at.key("hash-balance-factor");
    let balance_factor = balance_factor(options.hash_balance_factor.small(), 101, &at, check);
    if balance_factor > 0 && !consistent {
        check.complain(&[&at], "found a bound on loads, which HAProxy has for type: consistent alone");
    }
    let function = match options.function {
        HashFunction::Sdbm => proxy::HaproxyFunction::Sdbm,
        HashFunction::Djb2 => proxy::HaproxyFunction::Djb2,
        HashFunction::Wt6 => proxy::HaproxyFunction::Wt6,
        HashFunction::Crc32 => proxy::HaproxyFunction::Crc32,
        HashFunction::None => proxy::HaproxyFunction::None,
    };
    // HAProxy: `hash-type consistent` alone means sdbm with avalanche.
    let avalanche = options.avalanche.unwrap_or(consistent && options.function == HashFunction::Sdbm);
    let source = options.of == HashOf::Source;
    Rule::HaproxyHash(proxy::HaproxyHash { consistent, function, avalanche, source, balance_factor })
}

fn balance_factor(factor: u32, least: u32, at: &KeyPath, check: &mut Check<'_>) -> u32 {
    if factor != 0 && factor < least {
        check.complain(&[at], format!("found {factor}, expected 0 for no bound, or a percentage from {least}"));
    }
    factor
}

fn least_request(options: &LeastRequest) -> proxy::LeastRequest {
    proxy::LeastRequest {
        choice_count: options.choice_count.small(),
        bias: options.bias.0,
        full_scan: options.full_scan,
        slow_start: options.slow_start.as_ref().map(envoy_slow_start),
    }
}

fn ring_hash(options: &RingHash, at: &KeyPath, check: &mut Check<'_>) -> Rule {
    let (minimum, maximum) = (options.minimum_ring_size.get(), options.maximum_ring_size.get());
    if minimum > maximum {
        let text = format!("found {minimum}, expected at most the maximum of {maximum}");
        check.complain(&[&at.key("minimum-ring-size"), &at.key("maximum-ring-size")], text);
    }
    let factor = options.hash_balance_factor.small();
    Rule::EnvoyRingHash(proxy::Ring {
        minimum,
        maximum,
        murmur: options.hash_function == RingFunction::MurmurHash2,
        balance_factor: balance_factor(factor, 100, &at.key("hash-balance-factor"), check),
    })
}

fn maglev(options: &MaglevTable, at: &KeyPath, check: &mut Check<'_>) -> Rule {
    let table_size = options.table_size.small();
    let divisors = (2..).take_while(|divisor| divisor * divisor <= table_size);
    if let Some(divisor) = divisors.into_iter().find(|divisor| table_size.is_multiple_of(*divisor)) {
        let text = format!("found {table_size}, expected a prime; this one is a multiple of {divisor}");
        check.complain(&[&at.key("table-size")], text);
    }
    let factor = options.hash_balance_factor.small();
    let balance_factor = balance_factor(factor, 100, &at.key("hash-balance-factor"), check);
    Rule::EnvoyMaglev(proxy::Maglev { table_size, balance_factor })
}

fn reported(options: &LoadReports) -> proxy::Reported {
    proxy::Reported {
        error_penalty: options.error_utilization_penalty.0,
        blackout: options.blackout_period,
        expiry: options.weight_expiration_period.0,
        update: options.weight_update_period.0.max(UPDATE_MIN),
        random_start: options.random_start,
    }
}
