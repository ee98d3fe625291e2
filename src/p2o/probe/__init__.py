"""The joint objective of policy and templates, measured on fixed questions before and after each half-step."""
