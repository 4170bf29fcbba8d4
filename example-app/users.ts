/** Which kind of user: the numbers are those that pages and tokens carry. */
export const UserType = { member: 1, admin: 2 } as const;

/** One of the shops that share this app. Nothing of one tenant may reach another. */
export interface Tenant {
  readonly id: number;
  readonly name: string;
}

/** An account of the demo. A real app keeps salted hashes in its database, not passwords in a list. */
export interface User {
  readonly id: number;
  readonly tenantId: number;
  readonly userType: (typeof UserType)[keyof typeof UserType];
  readonly name: string;
  readonly username: string;
  readonly password: string;
}

/** Two shops, each with two admins and two members. */
export const tenants: readonly Tenant[] = [
  { id: 1, name: 'Harbour Books' },
  { id: 2, name: 'Meadow Bikes' },
];

/** Everybody who can log in. */
export const users: readonly User[] = [
  account(1, 1, UserType.admin, 'Ada Berg'),
  account(2, 1, UserType.admin, 'Amos Reed'),
  account(3, 1, UserType.member, 'Mia Sato'),
  account(4, 1, UserType.member, 'Max Lind'),
  account(5, 2, UserType.admin, 'Bea Costa'),
  account(6, 2, UserType.admin, 'Ben Okoro'),
  account(7, 2, UserType.member, 'Nora Vik'),
  account(8, 2, UserType.member, 'Nils Moreau'),
];

/** Finds a user of one tenant; an id of another tenant is as good as no id. */
export function findUser(tenantId: unknown, id: unknown): User | undefined {
  return users.find((user) => user.id === id && user.tenantId === tenantId);
}

function account(id: number, tenantId: number, userType: User['userType'], name: string): User {
  const username = name.split(' ', 1).join('').toLowerCase();
  return { id, tenantId, userType, name, username, password: `${username}-demo` };
}
