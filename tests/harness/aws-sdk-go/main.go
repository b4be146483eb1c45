// Sets for how long one group of logs is kept by AWS' SDK for Go (v2), as the environment says where and as whom:
//
//	put-retention GROUP DAYS
package main

import (
	"context"
	"log"
	"os"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
)

func main() {
	days, err := strconv.ParseInt(os.Args[2], 10, 32)
	if err != nil {
		log.Fatal(err)
	}
	settings, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	_, err = cloudwatchlogs.NewFromConfig(settings).PutRetentionPolicy(context.Background(),
		&cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &os.Args[1], RetentionInDays: aws.Int32(int32(days))})
	if err != nil {
		log.Fatal(err)
	}
}
