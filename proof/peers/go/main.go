// A worker on the AWS SDK for Go v2: so many goroutines that poll, each task handled by a program or within the process, and
// reported. Nothing is kept, no heartbeats go out.
//
// ACTIVITY_ARN, CONCURRENCY, HANDLER (a program, or nothing), and what the SDK reads.
package main

import (
	"context"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

func main() {
	configuration, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	concurrency, err := strconv.Atoi(os.Getenv("CONCURRENCY"))
	if err != nil {
		log.Fatal(err)
	}
	client := sfn.NewFromConfig(configuration)
	var pollers sync.WaitGroup
	for range concurrency {
		pollers.Go(func() {
			for {
				// Whatever it was: a second later again.
				if err := work(client); err != nil {
					time.Sleep(time.Second)
				}
			}
		})
	}
	pollers.Wait()
}

// One poll, and what follows.
func work(client *sfn.Client) error {
	name := "peer"
	arn := os.Getenv("ACTIVITY_ARN")
	task, err := client.GetActivityTask(context.Background(), &sfn.GetActivityTaskInput{ActivityArn: &arn, WorkerName: &name})
	if err != nil || aws.ToString(task.TaskToken) == "" {
		return err
	}
	output, err := handle(aws.ToString(task.Input))
	if err != nil {
		_, err = client.SendTaskFailure(context.Background(), &sfn.SendTaskFailureInput{TaskToken: task.TaskToken})
		return err
	}
	_, err = client.SendTaskSuccess(context.Background(), &sfn.SendTaskSuccessInput{TaskToken: task.TaskToken, Output: &output})
	return err
}

func handle(input string) (string, error) {
	program := os.Getenv("HANDLER")
	if program == "" {
		return input, nil
	}
	command := exec.Command(program)
	command.Stdin = strings.NewReader(input)
	output, err := command.Output()
	return string(output), err
}
