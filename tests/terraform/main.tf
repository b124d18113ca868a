# What people manage in IAM with the AWS provider as it is, against a development cluster.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

# Endpoint, region, keys and authority come from the environment: `tidegate dev env`.
provider "aws" {
  skip_region_validation = true
  default_tags {
    tags = { stack = "tidegate" }
  }
}

variable "team" {
  default = "platform"
}

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "reads" {
  statement {
    actions   = ["s3:GetObject", "s3:ListBucket"]
    resources = ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${data.aws_caller_identity.me.account_id}:root"]
    }
  }
}

data "aws_iam_policy" "read_only" {
  arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_user" "people" {
  for_each = toset(["ada", "grace", "barbara", "frances", "radia", "joan", "karen", "sophie"])
  name     = each.key
  path     = "/people/"

  force_destroy = true
  tags          = { team = var.team }
}

resource "aws_iam_group" "teams" {
  for_each = toset(["developers", "auditors", "guests"])
  name     = each.key
  path     = "/teams/"
}

resource "aws_iam_group_membership" "developers" {
  name  = "developers"
  group = aws_iam_group.teams["developers"].name
  users = [aws_iam_user.people["ada"].name, aws_iam_user.people["grace"].name]
}

resource "aws_iam_user_group_membership" "barbara" {
  user   = aws_iam_user.people["barbara"].name
  groups = [aws_iam_group.teams["auditors"].name]
}

resource "aws_iam_policy" "reads" {
  for_each    = toset(["reads-1", "reads-2", "reads-3", "reads-4", "reads-5"])
  name        = each.key
  description = "Reads photos"
  policy      = data.aws_iam_policy_document.reads.json
  tags        = { team = var.team }
}

resource "aws_iam_user_policy" "own" {
  name   = "own"
  user   = aws_iam_user.people["ada"].name
  policy = data.aws_iam_policy_document.reads.json
}

resource "aws_iam_group_policy" "own" {
  name   = "own"
  group  = aws_iam_group.teams["developers"].name
  policy = data.aws_iam_policy_document.reads.json
}

resource "aws_iam_user_policy_attachment" "grace" {
  user       = aws_iam_user.people["grace"].name
  policy_arn = aws_iam_policy.reads["reads-1"].arn
}

resource "aws_iam_group_policy_attachment" "auditors" {
  group      = aws_iam_group.teams["auditors"].name
  policy_arn = data.aws_iam_policy.read_only.arn
}

resource "aws_iam_role" "roles" {
  for_each             = toset(["server", "batch", "audit", "deploy"])
  name                 = each.key
  path                 = "/roles/"
  description          = "The ${each.key} role of ${var.team}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.reads["reads-2"].arn
  tags                 = { team = var.team }
}

resource "aws_iam_role_policy" "own" {
  for_each = aws_iam_role.roles
  name     = "own"
  role     = each.value.name
  policy   = data.aws_iam_policy_document.reads.json
}

resource "aws_iam_role_policy_attachment" "reads" {
  for_each   = aws_iam_role.roles
  role       = each.value.name
  policy_arn = aws_iam_policy.reads["reads-1"].arn
}

resource "aws_iam_instance_profile" "profiles" {
  for_each = toset(["server", "batch"])
  name     = each.key
  role     = aws_iam_role.roles[each.key].name
  tags     = { team = var.team }
}

resource "aws_iam_access_key" "ada" {
  user = aws_iam_user.people["ada"].name
}

resource "aws_iam_user_login_profile" "grace" {
  user                    = aws_iam_user.people["grace"].name
  password_reset_required = true
}

resource "aws_iam_openid_connect_provider" "ci" {
  url             = "https://token.ci.example.com"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["990f4193972f2becf12ddeda5237f9c952f20d9e"]
  tags            = { team = var.team }
}

resource "aws_iam_saml_provider" "staff" {
  name                   = "staff"
  saml_metadata_document = <<-XML
    <?xml version="1.0"?>
    <md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/${var.team}">
      <md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
        <!-- ${join("", [for n in range(120) : "metadata"])} -->
        <md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example.com/sso"/>
      </md:IDPSSODescriptor>
    </md:EntityDescriptor>
  XML
}

resource "aws_iam_account_alias" "alias" {
  account_alias = "tidegate-${var.team}"
}

resource "aws_iam_account_password_policy" "passwords" {
  minimum_password_length        = 14
  require_lowercase_characters   = true
  require_uppercase_characters   = true
  require_numbers                = true
  require_symbols                = true
  allow_users_to_change_password = true
  max_password_age               = 90
  password_reuse_prevention      = 4
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}
