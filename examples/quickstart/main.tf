# What `terraform.tfstate` beside this file was written from, by OpenTofu 1.10.6 with the provider hashicorp/local 1.4.0.
terraform {
  required_providers {
    local = {
      source  = "hashicorp/local"
      version = "1.4.0"
    }
  }
}

variable "root" {
  description = "Where the files go"
  default     = "/etc/plumbline-quickstart"
}

resource "local_file" "nginx" {
  filename        = "${var.root}/nginx.conf"
  file_permission = "0644"
  content         = <<-EOT
    worker_processes auto;
    events { worker_connections 1024; }
    http {
      server {
        listen 8080;
        location / { return 200 "in true\n"; }
      }
    }
  EOT
}

resource "local_file" "motd" {
  for_each        = toset(["blue", "green"])
  filename        = "${var.root}/motd.${each.key}"
  file_permission = "0644"
  content         = "This is the ${each.key} half.\n"
}

resource "local_file" "app_env" {
  filename          = "${var.root}/app.env"
  file_permission   = "0600"
  sensitive_content = "DATABASE_PASSWORD=correct-horse-battery-staple\n"
}
