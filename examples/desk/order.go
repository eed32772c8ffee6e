package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/monitorgen/monitorgen/examples/desk/pricing"
)

// order asks the desk for options.
type order struct {
	ID       int
	Symbol   string
	Kind     pricing.Kind
	Strike   float64
	Years    float64
	Quantity int
	Limit    float64 // the worst price
	Account  account
}

// account is who asks. Its key never reaches a record, its trader is masked,
// its note is left out.
type account struct {
	APIKey string
	Trader string `monitor:"mask"`
	Note   string `monitor:"-"`
}

// readOrders reads the order file. Its argument is a reader, its result is
// long: neither says much.
//
//monitor:trace group=desk.orders args=none result=none
func readOrders(r io.Reader) ([]order, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read orders: %w", err)
	}
	var orders []order
	for i, row := range rows {
		if i == 0 {
			continue
		}
		o, err := parseOrder(row)
		if err != nil {
			return nil, fmt.Errorf("read orders: line %d: %w", i+1, err)
		}
		orders = append(orders, o)
	}
	return orders, nil
}

// parseOrder reads one row: id, symbol, kind, strike, years, quantity, limit, key.
//
//monitor:trace group=desk.orders mask=row max=200
func parseOrder(row []string) (o order, err error) {
	if len(row) != 8 {
		return o, fmt.Errorf("%d fields, want 8", len(row))
	}
	number := func(text string) float64 {
		f, e := strconv.ParseFloat(text, 64)
		if e != nil && err == nil {
			err = e
		}
		return f
	}
	o = order{
		ID: int(number(row[0])), Symbol: row[1], Strike: number(row[3]), Years: number(row[4]),
		Quantity: int(number(row[5])), Limit: number(row[6]),
		Account: account{APIKey: row[7], Trader: "trader of " + row[7], Note: "from the file"},
	}
	if row[2] == "put" {
		o.Kind = pricing.Put
	}
	return o, err
}

// UnknownSymbolError says that the desk does not trade a symbol.
type UnknownSymbolError struct{ Symbol string }

func (e *UnknownSymbolError) Error() string { return "unknown symbol " + e.Symbol }

// LimitError says that an order is too large.
type LimitError struct{ Quantity, Limit int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("quantity %d is over the limit of %d", e.Quantity, e.Limit)
}

// StalePriceError says that a market has no price of late.
type StalePriceError struct{ Symbol string }

func (e *StalePriceError) Error() string { return "no current price of " + e.Symbol }

// PriceError says that the desk does not trade at the order's limit.
type PriceError struct{ Price, Limit float64 }

func (e *PriceError) Error() string {
	return fmt.Sprintf("the price of %.4f is beyond the limit of %.2f", e.Price, e.Limit)
}
