variable "web_count" {
  type    = number
  default = 6
}

# Six web servers, two at a time, after one canary.
job "frontend" {
  datacenters = ["fra1", "fra2"]
  type        = "service"

  update {
    max_parallel      = 2
    min_healthy_time  = "15s"
    healthy_deadline  = "3m"
    progress_deadline = "8m"
    auto_revert       = true
    stagger           = "30s"
  }

  group "web" {
    count          = var.web_count
    shutdown_delay = "8s"

    network {
      port "http" { to = 8080 }
    }

    update {
      canary       = 1
      auto_promote = true
    }

    service {
      name = "frontend"
      port = "http"
      tags = ["urlprefix-/"]

      check {
        type     = "http"
        path     = "/health"
        interval = "5s"
        timeout  = "2s"
      }
    }

    task "web" {
      driver       = "docker"
      kill_timeout = "20s"

      config {
        image = "registry.example/frontend:${NOMAD_META_version}"
        ports = ["http"]
      }

      template {
        destination = "local/app.env"
        env         = true
        data        = <<-EOF
          {{ range service "search" }}SEARCH={{ .Address }}:{{ .Port }}{{ end }}
        EOF
      }

      resources {
        cpu    = 500
        memory = 256
      }
    }
  }

  group "worker" {
    count = 3

    task "worker" {
      driver = "exec"
    }
  }
}
