package inplace

import "errors"

var errNegative = errors.New("negative quantity")

// Bare is the function that all others record.
//
//go:noinline
func Bare(qty int, symbol string, price float64) (float64, error) {
	if qty < 0 {
		return 0, errNegative
	}
	return float64(qty) * price, nil
}

// Price is Bare, recorded.
//
//monitor:trace
//go:noinline
func Price(qty int, symbol string, price float64) (monitorR0 float64, monitorR1 error) {
	/*monitor:generated*/ defer monitorPriceEnd(monitorPrice(qty, symbol, price), &monitorR0, &monitorR1)
	if qty < 0 {
		return 0, errNegative
	}
	return float64(qty) * price, nil
}

// Sampled is Bare, with a sample that takes no call.
//
//monitor:trace sample=0
//go:noinline
func Sampled(qty int, symbol string, price float64) (monitorR0 float64, monitorR1 error) {
	/*monitor:generated*/ defer monitorSampledEnd(monitorSampled(qty, symbol, price), &monitorR0, &monitorR1)
	if qty < 0 {
		return 0, errNegative
	}
	return float64(qty) * price, nil
}

// Nested is depth calls within each other.
//
//monitor:trace
//go:noinline
func Nested(depth int) (monitorR0 int) {
	/*monitor:generated parens*/ defer monitorNestedEnd(monitorNested(depth), &monitorR0)
	if depth == 0 {
		return 0
	}
	return Nested(depth-1) + 1
}
