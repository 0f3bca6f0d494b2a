// SPDX-License-Identifier: MIT
//! The standard span with opentelemetry-rust: start, set, end, and one prost encoding into a buffer
//! that is kept. Prints `NAME<TAB>NANOSECONDS` a span, the least of many batches: `rust_span_ns`
//! with the SDK's own clock readings, `rust_span_no_clock_ns` with the three times given.
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanProcessor};
use prost::Message;
use std::hint::black_box;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

const STANDARD_SPAN_BYTES: usize = 239;
const SPANS_A_BATCH: u32 = 2000;
const BATCHES: u32 = 200;

#[derive(Debug)]
struct Encoder(Mutex<Vec<u8>>);

impl SpanProcessor for Encoder {
    fn on_start(&self, _span: &mut opentelemetry_sdk::trace::Span, _context: &Context) {}

    fn on_end(&self, span: SpanData) {
        let mut payload = self.0.lock().unwrap();
        payload.clear();
        ProtoSpan::from(span).encode(&mut *payload).unwrap();
        assert_eq!(black_box(&*payload).len(), STANDARD_SPAN_BYTES);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn builder() -> SpanBuilder {
    SpanBuilder::from_name("sensor.condition").with_kind(SpanKind::Server)
}

fn set_attributes(span: &mut impl Span) {
    span.set_attribute(KeyValue::new("sensor.model", "bme280-rev-b"));
    span.set_attribute(KeyValue::new("sensor.place", "line-3-north"));
    span.set_attribute(KeyValue::new("sensor.raw", black_box(23512_i64)));
    span.set_attribute(KeyValue::new("sensor.valid", black_box(true)));
}

fn event_attributes() -> Vec<KeyValue> {
    vec![KeyValue::new("threshold", "upper-2")]
}

fn standard_span(tracer: &SdkTracer, parent: &Context) {
    let mut span = tracer.build_with_context(builder(), parent);
    set_attributes(&mut span);
    span.add_event("limit.passed", event_attributes());
    span.set_status(Status::Ok);
    span.end();
}

fn standard_span_at(tracer: &SdkTracer, parent: &Context, time: SystemTime) {
    let mut span = tracer.build_with_context(builder().with_start_time(time), parent);
    set_attributes(&mut span);
    span.add_event_with_timestamp("limit.passed", time, event_attributes());
    span.set_status(Status::Ok);
    span.end_with_timestamp(time);
}

fn least_ns_a_span(mut span: impl FnMut()) -> f64 {
    (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..SPANS_A_BATCH {
                span();
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(SPANS_A_BATCH)
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let provider = SdkTracerProvider::builder()
        .with_span_processor(Encoder(Mutex::new(Vec::with_capacity(1024))))
        .build();
    let tracer = provider.tracer("bench");
    let parent = Context::new().with_remote_span_context(SpanContext::new(
        TraceId::from(0x4bf92f3577b34da6a3ce929d0e0e4736),
        SpanId::from(0x00f067aa0ba902b7),
        TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    ));
    let time = SystemTime::now();

    println!("rust_span_ns\t{:.1}", least_ns_a_span(|| standard_span(&tracer, &parent)));
    println!(
        "rust_span_no_clock_ns\t{:.1}",
        least_ns_a_span(|| standard_span_at(&tracer, &parent, time))
    );
}
