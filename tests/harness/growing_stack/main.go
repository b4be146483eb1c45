// Calls DeleteSecurityGroup COUNT times on one connection, each time on a fresh goroutine and a step deeper in its stack: at
// some of them crypto/tls.(*Conn).Write finds too little of it, and begins anew on a larger one.
//
//	growing_stack ADDRESS:PORT CA_FILE AUTHORIZATION COUNT
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strconv"
)

//go:noinline
func deep(depth int, write func()) byte {
	var room [48]byte
	room[depth%48] = byte(depth)
	if depth == 0 {
		write()
	} else {
		room[1] += deep(depth-1, write)
	}
	return room[depth%48]
}

func main() {
	ca, _ := os.ReadFile(os.Args[2])
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	conn, err := tls.Dial("tcp", os.Args[1], &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err != nil {
		panic(err)
	}
	answers := bufio.NewReader(conn)
	count, _ := strconv.Atoi(os.Args[4])
	for i := 0; i < count; i++ {
		form := fmt.Sprintf("Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-grow-%d", i)
		request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", os.Args[3], len(form), form)
		bytes, done := []byte(request), make(chan error, 1)
		go func() {
			deep(i, func() { _, err := conn.Write(bytes); done <- err })
		}()
		if err := <-done; err != nil {
			panic(err)
		}
		answer, err := http.ReadResponse(answers, nil)
		if err != nil || answer.StatusCode != 200 {
			panic(fmt.Sprint(err, answer))
		}
		answer.Body.Close()
	}
}
